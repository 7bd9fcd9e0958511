package signal_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"go.uber.org/goleak"

	"meet/internal/client"
	"meet/internal/rtc"
	"meet/internal/signal"
	"meet/internal/token"
	"meet/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is the signalling handler over real rooms on a loopback socket.
type server struct {
	t     *testing.T
	rooms *rtc.Rooms
	url   string
	media netip.AddrPort // the UDP socket

	mu     sync.Mutex
	events []rtc.Event
}

// A test makes it before it sets itself a time: it may have to wait for its turn.
func newServer(t *testing.T) *server {
	t.Helper()
	t.Parallel() // these tests mostly wait: for connections, for media, for a client's patience
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, media: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("TEST_LOG") != "" { // not the test's own output: connections may end after it
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	media, err := wire.New(conn, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	split := wire.NewSplit(tcp, wire.SplitOptions{})
	s.rooms, err = rtc.New(wire.NewDatagramMux(media), rtc.Options{
		Log: log, TCP: split.ICE(), DepartureTimeout: time.Second,
		ServerInfo: &livekit.ServerInfo{Version: "1.13.5", Protocol: 17},
		OnEvent: func(e rtc.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	web := &httptest.Server{Listener: split.HTTP(), Config: &http.Server{
		Handler: signal.New(s.rooms, token.NewVerifier(token.Keys{"devkey": "secret"}), log),
	}}
	web.Start()
	s.url = "ws" + strings.TrimPrefix(web.URL, "http")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.rooms.Close(ctx); err != nil {
			t.Errorf("rooms did not close: %v", err)
			_ = pprof.Lookup("goroutine").WriteTo(t.Output(), 1) // who holds them up
		}
		web.Close()
		if err := split.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// kinds lists the kinds of the events so far.
func (s *server) kinds() []rtc.EventKind {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kinds []rtc.EventKind
	for _, e := range s.events {
		if e.Kind != rtc.RoomChanged {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

func (s *server) token(identity string, change ...func(*token.VideoGrant)) string {
	s.t.Helper()
	g := token.VideoGrant{RoomJoin: true, Room: "room", CanUpdateOwnMetadata: true}
	for _, f := range change {
		f(&g)
	}
	jwt, err := token.New("devkey", "secret").SetIdentity(identity).SetName(strings.ToUpper(identity)).SetVideoGrant(g).ToJWT()
	if err != nil {
		s.t.Fatal(err)
	}
	return jwt
}

// guest is a client that notes what it gets.
type guest struct {
	*client.Client
	t *testing.T

	mu       sync.Mutex
	tracks   []*client.RemoteTrack
	messages []*livekit.SignalResponse
	data     []*livekit.DataPacket
}

func (s *server) join(ctx context.Context, identity string, o client.Options, change ...func(*token.VideoGrant)) *guest {
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
	onData := o.OnData
	o.OnData = func(p *livekit.DataPacket) {
		if onData != nil {
			onData(p)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.data = append(g.data, p)
	}
	c, err := client.Join(ctx, s.url, s.token(identity, change...), o)
	if err != nil {
		s.t.Fatalf("%s does not join: %v", identity, err)
	}
	g.Client = c
	s.t.Cleanup(func() { _ = c.Close() })
	return g
}

// saw tells whether a message that matches has come.
func (g *guest) saw(match func(*livekit.SignalResponse) bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.messages, match)
}

// receives tells whether g gets media of track sid, and at least n packets.
func (g *guest) receives(sid string, n uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.tracks, func(t *client.RemoteTrack) bool { return t.SID() == sid && t.Received().Packets >= n })
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

func (g *guest) packets() []*livekit.DataPacket {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.data)
}

// eventually polls until cond holds; media and messages arrive on their own time.
func eventually(ctx context.Context, t *testing.T, what string, cond func() bool) {
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

// keyFrame is a whole VP8 key frame of 16 by 16 pixels' header; receivers only look at the first bytes.
var keyFrame = []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x00}

// play sends samples on p until the test ends.
func play(ctx context.Context, t *testing.T, p *client.Publication, sample []byte, every time.Duration) {
	t.Helper()
	playWhile(ctx, t, p, sample, every, func() bool { return true })
}

// playWhile leaves out the samples that are due while wanted is false.
func playWhile(ctx context.Context, t *testing.T, p *client.Publication, sample []byte, every time.Duration, wanted func() bool) {
	t.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				if wanted() {
					_ = p.WriteSample(media.Sample{Data: sample, Duration: every})
				}
			}
		}
	})
	t.Cleanup(func() { close(stop); wg.Wait() })
}

func (g *guest) publishBoth(ctx context.Context) (audio, video *client.Publication) {
	g.t.Helper()
	audio, err := g.Publish(ctx, client.PublishOptions{Name: "mic", MimeType: webrtc.MimeTypeOpus})
	if err != nil {
		g.t.Fatalf("publish audio: %v", err)
	}
	audio.Layers()[0].SetLevel(20)
	play(ctx, g.t, audio, []byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond)
	video, err = g.Publish(ctx, client.PublishOptions{Name: "cam", MimeType: webrtc.MimeTypeVP8, Width: 640, Height: 360})
	if err != nil {
		g.t.Fatalf("publish video: %v", err)
	}
	play(ctx, g.t, video, keyFrame, 33*time.Millisecond)
	return audio, video
}
