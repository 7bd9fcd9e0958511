package server_test

import (
	"context"
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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTimeout is how long a test may take on a busy machine before it counts as one that gets nowhere.
const testTimeout = 3 * time.Minute

// server is a whole server that knows the development key.
type server struct {
	*harness.Server
	rooms livekit.RoomService // with every grant there is over "room", and with "other" for a destination
}

// A test makes it before it sets itself a time: it may have to wait for its turn.
func newServer(t *testing.T, change ...func(*config.Config)) *server {
	t.Helper()
	t.Parallel() // these tests mostly wait: for connections, for media, for a client's patience
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	for _, f := range change {
		f(&cfg)
	}
	s := &server{Server: harness.Start(t, cfg)}
	s.rooms = s.roomService(allGrants("room", "other"))
	return s
}

// roomService calls the API with a grant.
func (s *server) roomService(g token.VideoGrant) livekit.RoomService {
	s.T.Helper()
	return livekit.NewRoomServiceProtobufClient(s.URL(), s.bearerClient(g))
}

func (s *server) bearerClient(g token.VideoGrant) harness.Bearer {
	s.T.Helper()
	return harness.Bearer{Client: s.HTTP, Token: s.tokenWith("", g)}
}

// allGrants grants all there is about a room.
func allGrants(room, destination string) token.VideoGrant {
	return token.VideoGrant{
		RoomCreate: true, RoomList: true, RoomRecord: true, IngressAdmin: true, RoomAdmin: true, Room: room, DestinationRoom: destination,
	}
}

func (s *server) tokenWith(identity string, g token.VideoGrant) string {
	s.T.Helper()
	jwt, err := token.New(config.DevKey.Name, config.DevKey.Secret).SetIdentity(identity).SetName(strings.ToUpper(identity)).
		SetVideoGrant(g).SetSIPGrant(token.SIPGrant{Admin: g.RoomAdmin, Call: g.RoomAdmin}).ToJWT()
	if err != nil {
		s.T.Fatal(err)
	}
	return jwt
}

// token lets a participant join "room".
func (s *server) token(identity string, change ...func(*token.VideoGrant)) string {
	s.T.Helper()
	g := token.VideoGrant{RoomJoin: true, Room: "room", CanUpdateOwnMetadata: true}
	for _, f := range change {
		f(&g)
	}
	return s.tokenWith(identity, g)
}

// roomNames lists the rooms that are there.
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

// participants lists who is in a room, in the order of their joining.
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

// inEachMode runs f for both ways in which clients connect.
func inEachMode(t *testing.T, f func(ctx context.Context, t *testing.T, s *server, o client.Options)) {
	t.Helper()
	t.Parallel() // or else the next test would wait for both
	for _, m := range modes[:2] {
		t.Run(m.name, func(t *testing.T) {
			s := newServer(t)
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			f(ctx, t, s, m.o)
		})
	}
}

// modes are the ways in which clients connect.
var modes = []struct {
	name string
	o    client.Options
}{
	{"dual", client.Options{}},
	{"single", client.Options{SinglePC: true}},
	{"json", client.Options{JSON: true}},
}
