package rtc

import (
	"context"
	"log/slog"
	"math"
	"net"
	"os"
	"runtime/pprof"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"go.uber.org/goleak"

	"meet/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness runs Rooms on a loopback socket and records their events.
type harness struct {
	*Rooms
	t testing.TB

	mu     sync.Mutex
	events []Event
}

// newHarness starts Rooms, which are closed when the test ends. change may adapt their options. TEST_LOG=1 prints the
// log.
func newHarness(t testing.TB, change ...func(*Options)) *harness {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	media, err := wire.New(conn, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	o := Options{
		Log: log, DepartureTimeout: time.Second, ServerInfo: &livekit.ServerInfo{Version: "1.13.5"},
		OnEvent: func(e Event) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.events = append(h.events, e)
		},
	}
	for _, f := range change {
		f(&o)
	}
	h.Rooms, err = New(wire.NewUDPMux(media), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Errorf("rooms did not close: %v", err)
			_ = pprof.Lookup("goroutine").WriteTo(t.Output(), 1) // shows which goroutines are left
			return
		}
		if n, m := h.roomCount.Total(), h.participantCount.Total(); n != 0 || m != 0 {
			t.Errorf("after the end, %d rooms and %d participants are counted", n, m)
		}
	})
	return h
}

// published returns the tracks that have been published so far.
func (h *harness) published() []*livekit.TrackInfo {
	h.mu.Lock()
	defer h.mu.Unlock()
	var tracks []*livekit.TrackInfo
	for _, e := range h.events {
		if e.Kind == TrackPublished {
			tracks = append(tracks, e.Track)
		}
	}
	return tracks
}

// request returns the join request of a client on LiveKit's Go SDK that may subscribe and publish, for the room "room".
func request(identity string) JoinRequest {
	return JoinRequest{
		Room: "room", Identity: identity, AutoSubscribe: true, Loopback: true,
		Client: &livekit.ClientInfo{Sdk: livekit.ClientInfo_GO, Protocol: 17},
		Info: &livekit.ParticipantInfo{Identity: identity, Permission: &livekit.ParticipantPermission{
			CanSubscribe: true, CanPublish: true, CanPublishData: true,
		}},
	}
}

// sink is a SignalSink that stores the messages.
type sink struct {
	mu       sync.Mutex
	messages []*livekit.SignalResponse
	closed   bool
}

// Send stores m, unless the sink is closed.
func (s *sink) Send(m *Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.messages = append(s.messages, m.SignalResponse)
	}
	return !s.closed
}

// Close marks the sink as closed.
func (s *sink) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// ended reports whether the sink was closed.
func (s *sink) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// all returns the messages so far.
func (s *sink) all() []*livekit.SignalResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// got reports whether a message matches.
func (s *sink) got(match func(*livekit.SignalResponse) bool) bool {
	return slices.ContainsFunc(s.all(), match)
}

// offers returns the server's offers so far.
func (s *sink) offers() []*livekit.SessionDescription {
	var list []*livekit.SessionDescription
	for _, m := range s.all() {
		if o := m.GetOffer(); o != nil {
			list = append(list, o)
		}
	}
	return list
}

// answers returns the SDP of the server's answers so far.
func (s *sink) answers() []string {
	var list []string
	for _, m := range s.all() {
		if a := m.GetAnswer(); a != nil {
			list = append(list, a.Sdp)
		}
	}
	return list
}

// testClient is a client with one plain pion connection. Unlike LiveKit's clients, it can violate the protocol.
type testClient struct {
	*Session
	t    testing.TB
	sink *sink
	pc   *webrtc.PeerConnection

	tamper func(sdp string) string // changes the server's answer before the client applies it; may be nil
}

// join lets a new client join and returns it. The test fails if the server refuses the client.
func (h *harness) join(req JoinRequest) *testClient {
	h.t.Helper()
	g := &testClient{t: h.t, sink: &sink{}}
	var err error
	if g.Session, err = h.Join(h.t.Context(), req, g.sink); err != nil {
		h.t.Fatalf("%s does not join: %v", req.Identity, err)
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	g.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = g.pc.Close() })
	return g
}

// send passes a message to the server.
func (g *testClient) send(m *livekit.SignalRequest) {
	g.t.Helper()
	if err := g.Handle(g.t.Context(), m); err != nil {
		g.t.Fatalf("%v: %v", m, err)
	}
}

// sendMedia adds a track with the client ID cid and sends samples on it until the test ends.
func (g *testClient) sendMedia(mime, cid string) {
	g.t.Helper()
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, cid, "stream")
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := g.pc.AddTrack(track); err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { // ends with the test
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = track.WriteSample(media.Sample{Data: []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x00}, Duration: 20 * time.Millisecond})
			case <-ctx.Done():
				return
			}
		}
	})
	g.t.Cleanup(func() { cancel(); wg.Wait() })
}

// negotiate sends an offer and applies the answer.
func (g *testClient) negotiate() {
	g.t.Helper()
	offer, err := g.pc.CreateOffer(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(g.pc)
	if err := g.pc.SetLocalDescription(offer); err != nil {
		g.t.Fatal(err)
	}
	<-gathered
	before := len(g.sink.answers())
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{Offer: &livekit.SessionDescription{Type: "offer", Sdp: g.pc.LocalDescription().SDP}}})
	eventually(g.t, "an answer", func() bool { return len(g.sink.answers()) > before })
	answer := g.sink.answers()[before]
	if g.tamper != nil {
		answer = g.tamper(answer)
	}
	if err := g.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		g.t.Fatal(err)
	}
}

// inspect runs f with g's participant on the room's loop and waits until f has run.
func (g *testClient) inspect(f func(p *Participant)) {
	g.t.Helper()
	if err := g.room.loop.Do(g.t.Context(), func() { f(g.participant) }); err != nil {
		g.t.Fatal(err)
	}
}

// waitForWorker waits until t's worker has finished all work in its queue. It first queues work without an effect:
// SetTCPOnly(false). WaitBackpressure then waits until the queue is empty, because the size passed to it exceeds
// that of any message.
func (t *Transport) waitForWorker(ctx context.Context) {
	t.SetTCPOnly(false)
	t.WaitBackpressure(ctx, math.MaxInt)
}

// eventually polls cond every 5 ms for at most 10 s. The argument want describes the condition for the error
// message.
func eventually(t testing.TB, want string, cond func() bool) {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("timed out waiting for: %s", want)
		}
	}
}
