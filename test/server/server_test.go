package server_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"go.uber.org/goleak"

	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

func TestMain(m *testing.M) {
	removeCertificate := createCertificate()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		removeCertificate()
		os.Exit(code)
	}))
}

// testTimeout is how long a test may take on a busy machine before it fails.
const testTimeout = 3 * time.Minute

// server is a whole server that has the development key.
type server struct {
	*harness.Server
	rooms livekit.RoomService // client with all grants for "room", and for "other" as destination
}

// newServer starts a server that ends with the test. It calls t.Parallel, which may block for a long time, so call
// newServer before setting a deadline.
func newServer(t *testing.T, change ...func(*config.Config)) *server {
	t.Helper()
	t.Parallel() // these tests mostly wait for connections, media and timeouts
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	for _, f := range change {
		f(&cfg)
	}
	s := &server{Server: harness.Start(t, cfg)}
	s.rooms = s.roomService(allGrants("room", "other"))
	return s
}

// roomService returns a RoomService client with a grant.
func (s *server) roomService(g token.VideoGrant) livekit.RoomService {
	s.T.Helper()
	return livekit.NewRoomServiceProtobufClient(s.URL(), s.bearerClient(g))
}

// bearerClient returns an HTTP client that sends a token with a grant.
func (s *server) bearerClient(g token.VideoGrant) harness.Bearer {
	s.T.Helper()
	return harness.Bearer{Client: s.HTTP, Token: s.tokenWith("", g)}
}

// allGrants returns a grant for everything in a room and for moving participants to a destination.
func allGrants(room, destination string) token.VideoGrant {
	return token.VideoGrant{
		RoomCreate: true, RoomList: true, RoomRecord: true, IngressAdmin: true, RoomAdmin: true, Room: room, DestinationRoom: destination,
	}
}

// tokenWith returns a token for an identity with a grant. The participant's name is the identity in upper case.
func (s *server) tokenWith(identity string, g token.VideoGrant) string {
	s.T.Helper()
	jwt, err := token.New(config.DevKey.Name, config.DevKey.Secret).SetIdentity(identity).SetName(strings.ToUpper(identity)).
		SetVideoGrant(g).SetSIPGrant(token.SIPGrant{Admin: g.RoomAdmin, Call: g.RoomAdmin}).ToJWT()
	if err != nil {
		s.T.Fatal(err)
	}
	return jwt
}

// token returns a token with which an identity can join "room". change, if given, modifies its grant.
func (s *server) token(identity string, change ...func(*token.VideoGrant)) string {
	s.T.Helper()
	g := token.VideoGrant{RoomJoin: true, Room: "room", CanUpdateOwnMetadata: true}
	for _, f := range change {
		f(&g)
	}
	return s.tokenWith(identity, g)
}

// roomNames returns the names of all rooms.
func (s *server) roomNames(ctx context.Context) []string {
	s.T.Helper()
	l, err := s.rooms.ListRooms(ctx, &livekit.ListRoomsRequest{})
	if err != nil {
		s.T.Fatal(err)
	}
	var names []string
	for _, r := range l.Rooms {
		names = append(names, r.Name)
	}
	return names
}

// participants returns the identities of the participants of a room, in the order in which they joined.
func (s *server) participants(ctx context.Context, room string) []string {
	s.T.Helper()
	l, err := s.roomService(allGrants(room, "")).ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: room})
	if err != nil {
		s.T.Fatal(err)
	}
	var names []string
	for _, p := range l.Participants {
		names = append(names, p.Identity)
	}
	return names
}

// inEachMode runs f as a subtest with two peer connections and with a single one, each on a server of its own.
func inEachMode(t *testing.T, f func(ctx context.Context, t *testing.T, s *server, o client.Options), change ...func(*config.Config)) {
	t.Helper()
	t.Parallel() // otherwise the next test waits for both subtests
	for _, m := range modes[:2] {
		t.Run(m.name, func(t *testing.T) {
			s := newServer(t, change...)
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			f(ctx, t, s, m.o)
		})
	}
}

// modes are options for clients with two peer connections, with a single one, and with JSON signalling.
var modes = []struct {
	name string
	o    client.Options
}{
	{"dual", client.Options{}},
	{"single", client.Options{SinglePC: true}},
	{"json", client.Options{JSON: true}},
}
