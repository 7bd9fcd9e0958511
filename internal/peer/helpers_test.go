package peer

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"meet/internal/sfu"
	"meet/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newTestEngine returns an Engine on a loopback socket. The cleanup of the test closes it.
func newTestEngine(t testing.TB) *Engine {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	media, err := wire.New(conn, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEngine(wire.NewUDPMux(media), EngineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// pair is a Transport with a client at the other end.
type pair struct {
	*Transport
	t  testing.TB
	pc *webrtc.PeerConnection // the client

	mu              sync.Mutex
	offers, answers []*livekit.SessionDescription // descriptions that the Transport has sent
	states          []webrtc.PeerConnectionState  // connection states that the Transport has reported
	needs           [][2]uint32                   // calls of NeedSections: audio, video
}

// newPair returns a Transport and its client before any negotiation.
func newPair(t testing.TB, o Options) *pair {
	t.Helper()
	p := &pair{t: t}
	record := func(list *[]*livekit.SessionDescription) func(*livekit.SessionDescription) {
		return func(d *livekit.SessionDescription) {
			p.mu.Lock()
			defer p.mu.Unlock()
			*list = append(*list, d)
		}
	}
	var err error
	p.Transport, err = newTestEngine(t).NewTransport(o, Hooks{
		Offer: record(&p.offers), Answer: record(&p.answers),
		NeedSections: func(audio, video uint32) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.needs = append(p.needs, [2]uint32{audio, video})
		},
		OfferedTracks: func([]OfferedTrack) {},
		StateChanged: func(s webrtc.PeerConnectionState) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.states = append(p.states, s)
		},
		TrackStarted: func(sfu.TrackSource, MediaSection) {},
		DataChannel:  func(*webrtc.DataChannel) {},
		PauseChanged: func([]sfu.PauseChange) {},
		Failed:       func(err error) { t.Errorf("negotiation failed: %v", err) },
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	p.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.pc.Close()
		p.Close()
		p.Wait()
	})
	return p
}

// sent waits until the Transport has sent n offers in total and returns the latest.
func (p *pair) sent(n int) *livekit.SessionDescription {
	p.t.Helper()
	var latest *livekit.SessionDescription
	eventually(p.t, "an offer is sent", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.offers) == n {
			latest = p.offers[n-1]
		}
		return latest != nil
	})
	return latest
}

// local applies a description that the client has created and returns its SDP with all candidates.
func (p *pair) local(d webrtc.SessionDescription, err error) string {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.pc.SetLocalDescription(d); err != nil {
		p.t.Fatal(err)
	}
	eventually(p.t, "candidates are gathered", func() bool { return p.pc.ICEGatheringState() == webrtc.ICEGatheringStateComplete })
	return p.pc.LocalDescription().SDP
}

// remote applies a description of the Transport to the client.
func (p *pair) remote(kind webrtc.SDPType, text string) {
	p.t.Helper()
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: text}); err != nil {
		p.t.Fatal(err)
	}
}

// accept lets the client answer an offer of the Transport.
func (p *pair) accept(offer *livekit.SessionDescription) {
	p.t.Helper()
	p.remote(webrtc.SDPTypeOffer, offer.Sdp)
	p.HandleAnswer(&livekit.SessionDescription{Type: "answer", Sdp: p.local(p.pc.CreateAnswer(nil)), Id: offer.Id})
}

// offer lets the client send an offer and apply the answer.
func (p *pair) offer() {
	p.t.Helper()
	p.HandleOffer(&livekit.SessionDescription{Type: "offer", Sdp: p.local(p.pc.CreateOffer(nil))}, AnswerPreferences{})
	p.onWorker(func() {}) // wait until the offer has been answered
	p.mu.Lock()
	answer := p.answers[len(p.answers)-1]
	p.mu.Unlock()
	p.remote(webrtc.SDPTypeAnswer, answer.Sdp)
}

// onWorker runs f on the worker of the Transport. There f may use the internal state of the Transport.
func (p *pair) onWorker(f func()) {
	p.t.Helper()
	if err := p.work.Do(context.Background(), f); err != nil {
		p.t.Fatal(err)
	}
}

// downTrack returns an audio track to send to the client.
func (p *pair) downTrack(id string) *sfu.DownTrack {
	receiver := sfu.NewReceiver(sfu.ReceiverOptions{Format: sfu.Format{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000}})
	return sfu.NewDownTrack(receiver, sfu.DownTrackOptions{ID: id, StreamID: "stream", Tap: p.Tap, OnBound: func(error) {}})
}

// eventually polls until cond holds. The test fails after 10 s.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}
