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

// broadLink has the bandwidth of an office. narrowLink has the bandwidth of a phone on a train.
var (
	broadLink  = impair.Profile{Rate: 3_000_000, Delay: 20 * time.Millisecond}
	narrowLink = impair.Profile{Rate: 300_000, Delay: 20 * time.Millisecond}
)

// layerRates are the bitrates of the layers of a simulcastCamera, in bits/s.
var layerRates = []int{120_000, 400_000, 1_500_000}

// simulcastCamera is a published video with three layers. The last byte of each frame is the number of its layer. A key
// frame is three times as large as other frames.
type simulcastCamera struct {
	*client.Publication
	keyFrameRequested [3]atomic.Bool // by layer
}

// publishSimulcast publishes a simulcastCamera that sends until the test ends.
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

// frameTime is the interval of 20 frames per second.
const frameTime = 50 * time.Millisecond

// sendFrames sends frames of all layers until stop is closed or ctx ends. It sends a key frame when one is requested.
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

// viewer is a client that records which layers it receives.
type viewer struct {
	*client.Client
	mu      sync.Mutex
	tracks  map[string]*client.RemoteTrack
	layers  map[string]int       // layer of the latest packet, by track SID
	changed map[string]time.Time // when the layer last changed, by track SID
	states  map[string]livekit.StreamState
	log     []string
	began   time.Time
}

// joinViewer joins "room" as a viewer.
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

// readTrack reads a track until it ends and records its layers.
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

// layer returns the layer of the latest packet of a track, or -1 if none has arrived.
func (v *viewer) layer(sid string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	if l, ok := v.layers[sid]; ok {
		return l
	}
	return -1
}

// received returns the reception statistics of a track.
func (v *viewer) received(sid string) client.TrackStats {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t := v.tracks[sid]; t != nil {
		return t.Stats()
	}
	return client.TrackStats{}
}

// eventLog returns the recorded changes of layers and stream states, with their times in seconds.
func (v *viewer) eventLog() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.log)
}

// proxy starts an impairing proxy in front of the server. The proxy is closed when the test ends.
func (s *server) proxy() *impair.Proxy {
	s.T.Helper()
	p, err := impair.Listen(s.Addr())
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { _ = p.Close() })
	return p
}

// overLink starts a proxy with this link in both directions, and returns options to join over it.
func (s *server) overLink(o client.Options, profile impair.Profile) (*impair.Proxy, client.Options) {
	link := s.proxy()
	link.SetLink(impair.Symmetric(profile))
	o.UDPProxy = link.Addr()
	return link, o
}

// The link of one subscriber is broad, becomes narrow, and is broad again. The link of another subscriber does not
// change.
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
		harness.Eventually(ctx, t, "both receive the best layer", func() bool { return bo.layer(cam) == 2 && cy.layer(cam) == 2 })

		link.SetLink(impair.Symmetric(narrowLink))
		harness.Eventually(ctx, t, "bo receives only the lowest layer", func() bool { return bo.staysInLayer(cam, 0, time.Second) })
		audio, video, other := bo.received(mic.SID()), bo.received(cam), cy.received(cam)
		harness.Eventually(ctx, t, "a hundred packets of it arrive", func() bool { return bo.received(cam).Packets > video.Packets+100 })
		now := bo.received(mic.SID())
		if packets, lost := now.Packets-audio.Packets, now.Lost-audio.Lost; lost*20 > packets {
			t.Errorf("%d of %d audio packets were lost meanwhile", lost, packets)
		}
		if bo.layer(cam) != 0 || cy.layer(cam) != 2 || cy.received(cam).Packets < other.Packets+500 {
			t.Errorf("on the narrow link layer %d arrives, on the other %d", bo.layer(cam), cy.layer(cam))
		}

		link.SetLink(impair.Symmetric(broadLink))
		// test/browser/impaired-link.spec.js measures how soon, because it has the machine to itself.
		harness.Eventually(ctx, t, "bo receives the best layer again", func() bool { return bo.layer(cam) == 2 })
	})
}

// If the bandwidth does not suffice for the lowest layers of all videos, video is paused, the least important track
// first. The client is notified, and audio is still complete. All video returns when the bandwidth does.
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
		harness.Eventually(ctx, t, "both videos arrive", func() bool { return bo.layer(cam) >= 1 && bo.layer(screen) >= 1 })

		link.SetLink(impair.Symmetric(impair.Profile{Rate: 250_000, Delay: 20 * time.Millisecond}))
		harness.Eventually(ctx, t, "the camera is paused", func() bool { return bo.state(cam) == "PAUSED" && bo.state(screen) != "PAUSED" })
		before := bo.received(cam).Packets
		screenBefore := bo.received(screen).Packets
		harness.Eventually(ctx, t, "the screen share continues in its lowest layer", func() bool {
			return bo.layer(screen) == 0 && bo.received(screen).Packets > screenBefore+60
		})
		if bo.state(cam) == "PAUSED" && bo.received(cam).Packets > before+30 { // packets in flight
			t.Errorf("%d packets of a paused video arrived", bo.received(cam).Packets-before)
		}

		link.SetLink(impair.Symmetric(broadLink))
		harness.Eventually(ctx, t, "both videos return", func() bool {
			return bo.state(cam) == "ACTIVE" && bo.layer(cam) >= 1 && bo.layer(screen) == 2
		})
	})
}

// staysInLayer reports whether the track has arrived in this layer, without a change of layer, for longer than d.
func (v *viewer) staysInLayer(sid string, layer int, d time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	l, ok := v.layers[sid]
	return ok && l == layer && time.Since(v.changed[sid]) > d
}

// state returns the latest stream state of a track that the client received, or "".
func (v *viewer) state(sid string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if st, ok := v.states[sid]; ok {
		return st.String()
	}
	return ""
}

// The link loses a tenth of all packets and has a round-trip time of 200 ms, but enough bandwidth.
func TestPacketLossWithoutCongestionKeepsTheBestLayer(t *testing.T) {
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
		harness.Eventually(ctx, t, "only the best layer arrives for five seconds", func() bool { return bo.staysInLayer(cam, 2, 5*time.Second) })
	})
}
