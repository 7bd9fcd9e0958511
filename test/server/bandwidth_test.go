package server_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"meet/internal/client"
	"meet/test/harness"
	"meet/test/impair"
)

// broadLink is a link as of an office, narrowLink one as of a telephone on a train.
var (
	broadLink  = impair.Profile{Rate: 3_000_000, Delay: 20 * time.Millisecond}
	narrowLink = impair.Profile{Rate: 300_000, Delay: 20 * time.Millisecond}
)

// layerRates are what a camera's layers send, in bits/s.
var layerRates = []int{120_000, 400_000, 1_500_000}

// simulcastCamera is a camera with three layers, whose frames say in their last byte of which layer they are. A key frame is three
// times the size of others.
type simulcastCamera struct {
	*client.Publication
	keyFrameRequested [3]atomic.Bool // key frames
}

func (g *testClient) publishSimulcast(ctx context.Context, source livekit.TrackSource) *simulcastCamera {
	g.t.Helper()
	f := &simulcastCamera{}
	pub, err := g.Publish(ctx, client.PublishOptions{
		MimeType: webrtc.MimeTypeVP8, Width: 1280, Height: 720, Source: source,
		Layers: []client.Layer{
			{RID: "q", Quality: livekit.VideoQuality_LOW, Width: 320, Height: 180},
			{RID: "h", Quality: livekit.VideoQuality_MEDIUM, Width: 640, Height: 360},
			{RID: "f", Quality: livekit.VideoQuality_HIGH, Width: 1280, Height: 720},
		},
		OnKeyFrameRequest: func(layer int) { f.keyFrameRequested[layer].Store(true) },
	})
	if err != nil {
		g.t.Fatal(err)
	}
	f.Publication = pub
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { f.sendFrames(ctx, stop) })
	g.t.Cleanup(func() { close(stop); wg.Wait() })
	return f
}

// frameTime is 20 frames a second.
const frameTime = 50 * time.Millisecond

func (f *simulcastCamera) sendFrames(ctx context.Context, stop <-chan struct{}) {
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i, l := range f.Layers() {
			frame := make([]byte, layerRates[i]/8/20)
			copy(frame, vp8KeyFrame)
			if !f.keyFrameRequested[i].Swap(false) && n > 0 {
				frame[0] |= 1 // not a key frame
			} else {
				frame = append(frame, make([]byte, 2*len(frame))...)
			}
			for at := 11; at < len(frame); at++ {
				frame[at] = byte(i)
			}
			_ = l.WriteSample(media.Sample{Data: frame, Duration: frameTime})
		}
	}
}

// viewer is a guest that notes which layers its tracks come in.
type viewer struct {
	*client.Client
	mu      sync.Mutex
	tracks  map[string]*client.RemoteTrack
	layers  map[string]int       // of the latest packet, by track
	changed map[string]time.Time // when layers did
	states  map[string]livekit.StreamState
	log     []string
	began   time.Time
}

func (s *server) joinViewer(ctx context.Context, identity string, o client.Options) *viewer {
	s.T.Helper()
	v := &viewer{
		tracks: map[string]*client.RemoteTrack{}, layers: map[string]int{}, changed: map[string]time.Time{},
		states: map[string]livekit.StreamState{}, began: time.Now(),
	}
	o.OnTrack = v.readTrack
	o.OnSignal = func(m *livekit.SignalResponse) {
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, st := range m.GetStreamStateUpdate().GetStreamStates() {
			v.states[st.TrackSid] = st.State
			v.log = append(v.log, fmt.Sprintf("%.1f %s %s", time.Since(v.began).Seconds(), st.TrackSid[:6], st.State))
		}
	}
	c, err := client.Join(ctx, s.SocketURL(), s.token(identity), o)
	if err != nil {
		s.T.Fatalf("%s does not join: %v", identity, err)
	}
	v.Client = c
	s.T.Cleanup(func() { _ = c.Close() })
	return v
}

func (v *viewer) readTrack(t *client.RemoteTrack) {
	v.mu.Lock()
	v.tracks[t.SID()] = t
	v.mu.Unlock()
	for {
		p, err := t.ReadRTP()
		if err != nil {
			return
		}
		if t.Kind() == webrtc.RTPCodecTypeVideo && len(p.Payload) > 20 {
			layer := int(p.Payload[len(p.Payload)-1])
			v.mu.Lock()
			if was, ok := v.layers[t.SID()]; !ok || was != layer {
				v.log = append(v.log, fmt.Sprintf("%.1f %s layer %d", time.Since(v.began).Seconds(), t.SID()[:6], layer))
				v.changed[t.SID()] = time.Now()
			}
			v.layers[t.SID()] = layer
			v.mu.Unlock()
		}
	}
}

// layer is the one that track sid comes in, -1 before the first.
func (v *viewer) layer(sid string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	if l, ok := v.layers[sid]; ok {
		return l
	}
	return -1
}

func (v *viewer) received(sid string) client.TrackStats {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t := v.tracks[sid]; t != nil {
		return t.Stats()
	}
	return client.TrackStats{}
}

func (v *viewer) eventLog() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.log)
}

func (s *server) proxy() *impair.Proxy {
	s.T.Helper()
	p, err := impair.Listen(s.Addr())
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { _ = p.Close() })
	return p
}

// overLink makes o reach the server by a link.
func (s *server) overLink(o client.Options, profile impair.Profile) (*impair.Proxy, client.Options) {
	link := s.proxy()
	link.SetLink(impair.Symmetric(profile))
	o.UDPProxy = link.Addr()
	return link, o
}

// TestNarrowLinkReceivesOnlyTheLowestLayer is a subscriber whose link is broad, becomes narrow and is broad again, beside one whose link is not
// touched.
func TestNarrowLinkReceivesOnlyTheLowestLayer(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		mic, err := ada.Publish(ctx, client.PublishOptions{Name: "mic", MimeType: webrtc.MimeTypeOpus})
		if err != nil {
			t.Fatal(err)
		}
		sendSamples(ctx, t, mic, make([]byte, 80), 20*time.Millisecond)
		cam := ada.publishSimulcast(ctx, livekit.TrackSource_CAMERA).SID()
		link, via := s.overLink(o, broadLink)
		bo, cy := s.joinViewer(ctx, "bo", via), s.joinViewer(ctx, "cy", o)
		defer func() {
			if t.Failed() {
				t.Log("bo saw", bo.eventLog(), "cy", cy.eventLog())
			}
		}()
		harness.Eventually(ctx, t, "everybody sees the best layer", func() bool { return bo.layer(cam) == 2 && cy.layer(cam) == 2 })

		link.SetLink(impair.Symmetric(narrowLink))
		harness.Eventually(ctx, t, "the lowest layer is what fits", func() bool { return bo.staysInLayer(cam, 0, time.Second) })
		heard, seen, clear := bo.received(mic.SID()), bo.received(cam), cy.received(cam)
		harness.Eventually(ctx, t, "a hundred frames of it come", func() bool { return bo.received(cam).Packets > seen.Packets+100 })
		now := bo.received(mic.SID())
		if packets, lost := now.Packets-heard.Packets, now.Lost-heard.Lost; lost*20 > packets {
			t.Errorf("%d of %d packets of sound were lost meanwhile", lost, packets)
		}
		if bo.layer(cam) != 0 || cy.layer(cam) != 2 || cy.received(cam).Packets < clear.Packets+500 {
			t.Errorf("the one on the narrow link gets layer %d, the other %d", bo.layer(cam), cy.layer(cam))
		}

		link.SetLink(impair.Symmetric(broadLink))
		// How soon is for test/browser/impaired.spec.js, which has the machine to itself.
		harness.Eventually(ctx, t, "the best layer again", func() bool { return bo.layer(cam) == 2 })
	})
}

// TestLeastImportantVideoIsPausedIfBandwidthIsTooLow: where not even the lowest layers fit, sound stays whole, pictures are paused from the least
// important on, the client is told, and all come back. Who does not want that gets the lowest layers.
func TestLeastImportantVideoIsPausedIfBandwidthIsTooLow(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		cam := ada.publishSimulcast(ctx, livekit.TrackSource_CAMERA).SID()
		screen := ada.publishSimulcast(ctx, livekit.TrackSource_SCREEN_SHARE).SID()
		link, via := s.overLink(o, broadLink)
		bo := s.joinViewer(ctx, "bo", via)
		defer func() {
			if t.Failed() {
				t.Log("bo saw", bo.eventLog())
			}
		}()
		harness.Eventually(ctx, t, "both pictures come", func() bool { return bo.layer(cam) >= 1 && bo.layer(screen) >= 1 })

		link.SetLink(impair.Symmetric(impair.Profile{Rate: 250_000, Delay: 20 * time.Millisecond}))
		harness.Eventually(ctx, t, "the camera is paused", func() bool { return bo.state(cam) == "PAUSED" && bo.state(screen) != "PAUSED" })
		before := bo.received(cam).Packets
		seen := bo.received(screen).Packets
		harness.Eventually(ctx, t, "the screen goes on in its lowest layer", func() bool {
			return bo.layer(screen) == 0 && bo.received(screen).Packets > seen+60
		})
		if bo.state(cam) == "PAUSED" && bo.received(cam).Packets > before+30 { // some were under way
			t.Errorf("%d packets came of a paused picture", bo.received(cam).Packets-before)
		}

		link.SetLink(impair.Symmetric(broadLink))
		harness.Eventually(ctx, t, "both come back", func() bool {
			return bo.state(cam) == "ACTIVE" && bo.layer(cam) >= 1 && bo.layer(screen) == 2
		})
	})
}

// staysInLayer reports whether track sid has come in that layer alone for so long.
func (v *viewer) staysInLayer(sid string, layer int, d time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	l, ok := v.layers[sid]
	return ok && l == layer && time.Since(v.changed[sid]) > d
}

// state is what the client was last told of the track, "" before the first word.
func (v *viewer) state(sid string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if st, ok := v.states[sid]; ok {
		return st.String()
	}
	return ""
}

// TestLossWithoutCongestionKeepsTheBestLayer: a link that loses a tenth of all packets and has a round trip of 200 ms, but room, still brings
// the best layer, and keeps it.
func TestLossWithoutCongestionKeepsTheBestLayer(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		cam := ada.publishSimulcast(ctx, livekit.TrackSource_CAMERA).SID()
		_, via := s.overLink(o, impair.Profile{Rate: 10_000_000, Loss: 0.1, Delay: 100 * time.Millisecond})
		bo := s.joinViewer(ctx, "bo", via)
		defer func() {
			if t.Failed() {
				t.Log("bo saw", bo.eventLog())
			}
		}()
		harness.Eventually(ctx, t, "the best layer comes, and nothing else for five seconds", func() bool { return bo.staysInLayer(cam, 2, 5*time.Second) })
	})
}
