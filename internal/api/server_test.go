package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/twitchtv/twirp"
	"go.uber.org/goleak"

	"meet/internal/agent"
	"meet/internal/api"
	"meet/internal/client"
	"meet/internal/rtc"
	"meet/internal/signal"
	"meet/internal/token"
	"meet/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is the API and the signalling over real rooms on a loopback socket.
type server struct {
	t     testing.TB
	rooms *rtc.Rooms
	http  *http.Client
	url   string
	calls livekit.RoomService // with every grant there is

	agents *agent.Dispatcher

	mu     sync.Mutex
	events []rtc.Event
}

func newServer(t testing.TB, o api.Options) *server {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	media, err := wire.New(conn, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, http: &http.Client{Transport: &http.Transport{}}, agents: agent.New(token.Keys{"devkey": "secret"}, agent.Options{})}
	t.Cleanup(s.agents.Close)
	log := slog.New(slog.DiscardHandler)
	s.rooms, err = rtc.New(wire.NewDatagramMux(media), rtc.Options{
		Log: log, DepartureTimeout: time.Second, ServerInfo: &livekit.ServerInfo{Version: "1.13.5", Protocol: 17},
		RefreshToken: func(to rtc.TokenSubject) (string, error) {
			was, ok := to.Token.Grants.(*token.ClaimGrants)
			if !ok {
				return "", errors.New("the grants are none")
			}
			return token.Renew("devkey", "secret", was).SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: to.Room}).ToJWT()
		},
		OnEvent: func(e rtc.Event) {
			if e.Kind == rtc.RoomStarted {
				s.agents.RoomStarted(e.Room, e.Agents)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	verifier := token.NewVerifier(token.Keys{"devkey": "secret"})
	mux := http.NewServeMux()
	mux.Handle("/rtc/", signal.New(s.rooms, verifier, log))
	mux.Handle("/rtc", signal.New(s.rooms, verifier, log))
	mux.Handle(api.Prefix, api.New(s.rooms, s.agents, verifier, o))
	web := httptest.NewServer(mux)
	s.url = web.URL
	s.calls = livekit.NewRoomServiceProtobufClient(s.url, s.bearing(everything("room", "other")))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.rooms.Close(ctx); err != nil {
			t.Errorf("rooms did not close: %v", err)
		}
		s.http.CloseIdleConnections()
		web.Close()
	})
	return s
}

// everything grants all there is about a room.
func everything(room, destination string) token.VideoGrant {
	return token.VideoGrant{
		RoomCreate: true, RoomList: true, RoomRecord: true, IngressAdmin: true, RoomAdmin: true, Room: room, DestinationRoom: destination,
	}
}

func mint(identity string, g token.VideoGrant) (string, error) {
	return token.New("devkey", "secret").SetIdentity(identity).SetName(strings.ToUpper(identity)).
		SetVideoGrant(g).SetSIPGrant(token.SIPGrant{Admin: g.RoomAdmin, Call: g.RoomAdmin}).ToJWT()
}

func (s *server) token(identity string, g token.VideoGrant) string {
	s.t.Helper()
	jwt, err := mint(identity, g)
	if err != nil {
		s.t.Fatal(err)
	}
	return jwt
}

// bearer is an HTTP client whose requests carry a token.
type bearer struct {
	*http.Client
	token string
}

func (b bearer) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.Client.Do(r)
}

func (s *server) bearing(g token.VideoGrant) bearer { return bearer{s.http, s.token("", g)} }

// answer is what a call was answered, read to its end.
type answer struct {
	status      int
	contentType string
	body        []byte
}

// failure reads an error's code and sentence; what is not LiveKit's form of one fails the test.
func (a answer) failure(t testing.TB) (code, msg string) {
	t.Helper()
	var e struct{ Code, Msg string }
	if err := json.Unmarshal(a.body, &e); err != nil || a.contentType != "application/json" || e.Code == "" || e.Msg == "" {
		t.Errorf("%d %q %s is no error of LiveKit's form", a.status, a.contentType, a.body)
	}
	return e.Code, e.Msg
}

// post sends a request as it stands.
func (s *server) send(method, path, contentType, token string, body []byte) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Content-Type"), text}
}

// guest is a participant that notes what it gets.
type guest struct {
	*client.Client
	t testing.TB

	mu       sync.Mutex
	tracks   []*client.RemoteTrack
	messages []*livekit.SignalResponse
	data     []*livekit.DataPacket
	onData   func(*livekit.DataPacket)
}

func (s *server) join(ctx context.Context, room, identity string, o client.Options, change ...func(*token.VideoGrant)) *guest {
	s.t.Helper()
	grant := token.VideoGrant{RoomJoin: true, Room: room}
	for _, f := range change {
		f(&grant)
	}
	return s.joinWith(ctx, s.token(identity, grant), o)
}

func (s *server) joinWith(ctx context.Context, jwt string, o client.Options) *guest {
	s.t.Helper()
	g := &guest{t: s.t}
	o.OnSignal = func(m *livekit.SignalResponse) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.messages = append(g.messages, m)
	}
	o.OnTrack = func(t *client.RemoteTrack) {
		g.mu.Lock()
		g.tracks = append(g.tracks, t)
		g.mu.Unlock()
		t.Drain()
	}
	o.OnData = func(p *livekit.DataPacket) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.data = append(g.data, p)
		if g.onData != nil {
			go g.onData(p) // ends with its reply, which the test awaits
		}
	}
	c, err := client.Join(ctx, "ws"+strings.TrimPrefix(s.url, "http"), jwt, o)
	if err != nil {
		s.t.Fatalf("no join: %v", err)
	}
	g.Client = c
	s.t.Cleanup(func() { _ = c.Close() })
	return g
}

// answers sets what g does with each data packet.
func (g *guest) answers(f func(*livekit.DataPacket)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.onData = f
}

func (g *guest) all() []*livekit.SignalResponse {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.messages)
}

func (g *guest) saw(match func(*livekit.SignalResponse) bool) bool {
	return slices.ContainsFunc(g.all(), match)
}

// knows tells whether the latest word on a participant matches.
func (g *guest) knows(identity string, match func(*livekit.ParticipantInfo) bool) bool {
	var last *livekit.ParticipantInfo
	for _, m := range g.all() {
		for _, p := range slices.Concat(m.GetUpdate().GetParticipants(), m.GetJoin().GetOtherParticipants(), m.GetRoomMoved().GetOtherParticipants()) {
			if p.Identity == identity {
				last = p
			}
		}
	}
	return last != nil && match(last)
}

func (g *guest) texts() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []string
	for _, p := range g.data {
		if u := p.GetUser(); u != nil {
			all = append(all, string(u.Payload))
		}
	}
	return all
}

// count is how many packets of track sid have come.
func (g *guest) count(sid string) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	var n uint64
	for _, t := range g.tracks {
		if t.SID() == sid {
			n += t.Received().Packets
		}
	}
	return n
}

// publish sends sound until the test ends.
func (g *guest) publish(ctx context.Context, source livekit.TrackSource) *client.Publication {
	g.t.Helper()
	o, sample, every := client.PublishOptions{Name: "mic", MimeType: webrtc.MimeTypeOpus, Source: source}, []byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond
	if source == livekit.TrackSource_CAMERA {
		o.MimeType, o.Width, o.Height = webrtc.MimeTypeVP8, 640, 360
		sample = []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x00} // a whole key frame's header
	}
	p, err := g.Publish(ctx, o)
	if err != nil {
		g.t.Fatalf("publish: %v", err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // ends with the test
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				_ = p.WriteSample(media.Sample{Data: sample, Duration: every})
			}
		}
	})
	g.t.Cleanup(func() { close(stop); wg.Wait() })
	return p
}

func eventually(ctx context.Context, t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// inEachMode runs f for both ways in which clients connect.
func inEachMode(t *testing.T, f func(ctx context.Context, t *testing.T, s *server, o client.Options)) {
	t.Helper()
	for name, o := range map[string]client.Options{"dual": {}, "single": {SinglePC: true}} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			f(ctx, t, newServer(t, api.Options{}), o)
		})
	}
}

// fails checks that an error has that code of LiveKit's and says so much.
func fails(t *testing.T, err error, code twirp.ErrorCode, says string) {
	t.Helper()
	e, ok := err.(twirp.Error)
	if !ok || e.Code() != code || !strings.Contains(e.Msg(), says) {
		t.Errorf("error %v, want %s with %q", err, code, says)
	}
}

// handler calls the API without a network.
func (s *server) handler() func(path, contentType, timeout, token string, body []byte) (int, string, []byte) {
	h := api.New(s.rooms, s.agents, token.NewVerifier(token.Keys{"devkey": "secret"}), api.Options{})
	return func(path, contentType, timeout, token string, body []byte) (int, string, []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.URL.Path = api.Prefix + path
		r.Header = http.Header{"Content-Type": {contentType}, "X-Twirp-Timeout-Ms": {timeout}, "Authorization": {"Bearer " + token}}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Header().Get("Content-Type"), w.Body.Bytes()
	}
}
