package sfu

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/transport/v4/packetio"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu/pacer"
)

// allocatorFixture is a fixture whose DownTrack uses transport-wide sequence numbers and has an Allocator.
type allocatorFixture struct {
	*fixture
	a       *Allocator
	changes []PauseChange
	seq     [MaxLayers]uint16
}

// newAllocatorFixture returns an allocatorFixture with three layers. It records the pause changes of the Allocator.
func newAllocatorFixture(t *testing.T, neverPause bool) *allocatorFixture {
	t.Helper()
	g := &allocatorFixture{fixture: newFixture(t, 3, true)}
	g.ctx.extensions = []webrtc.RTPHeaderExtensionParameter{{URI: sdp.TransportCCURI, ID: numberID}}
	if _, err := g.d.Bind(g.ctx); err != nil {
		t.Fatal(err)
	}
	g.a = NewAllocator(g.d.options.Tap, neverPause, func(c []PauseChange) { g.changes = append(g.changes, c...) })
	t.Cleanup(func() { _ = g.d.options.Tap.Close() })
	g.a.Add(g.d)
	return g
}

// sendLayers sends three layers of about 100, 400 and 1,600 kbit/s for d. Every fifth frame is a key frame.
func (g *allocatorFixture) sendLayers(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		g.now = time.Now()
		for n, packets := range []int{1, 4, 16} {
			for i := range packets {
				p := vp8Packet{seq: g.seq[n], ts: uint32(g.now.UnixMilli() * 90), key: g.seq[n]%5 == 0 && i == 0, notFirst: i > 0}
				g.seq[n]++
				raw := p.raw(g.t, layerSSRC(n))
				g.r.layer(n).handle(append(raw, make([]byte, 600)...), g.now)
			}
		}
	}
}

// receiveREMB handles REMB, the subscriber's own estimate, of bitrate bits/s.
func (g *allocatorFixture) receiveREMB(bitrate float32) {
	g.d.options.Tap.pacer.HandleRTCP(remb(g.t, bitrate), time.Now())
}

func TestAllocatorAllowsLayersByTheBandwidthEstimate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAllocatorFixture(t, false)
		if g.d.selection.allowed.Spatial != startSpatial {
			t.Errorf("an unmeasured track starts with %v", g.d.selection.allowed)
		}
		for _, tt := range []struct {
			bitrate float32
			spatial int
		}{{4e6, 2}, {7e5, 1}, {2e5, 0}, {5e4, -1}, {1.1e5, -1}, {2e5, 0}, {4e6, 2}} {
			g.receiveREMB(tt.bitrate)
			g.sendLayers(time.Second)
			g.receiveREMB(tt.bitrate)
			g.a.Divide(time.Now().Add(allocationInterval))
			if got := min(g.d.selection.allowed.Spatial, 2); got != tt.spatial {
				t.Errorf("at %v bits/s layer %d is allowed, want %d; it costs %v", tt.bitrate, got, tt.spatial, g.r.bitrates(time.Now()))
			}
			if starved := tt.spatial < 2; g.a.Starved(g.d) != starved {
				t.Errorf("at %v bits/s starved is %v", tt.bitrate, !starved)
			}
		}
		if len(g.changes) != 2 || !g.changes[0].Paused || g.changes[1].Paused || g.changes[0].Track != g.d {
			t.Errorf("pause changes %+v, want a pause and a resumption", g.changes)
		}
	})
}

func TestNewTracksStartWithAllLayersWhileBandwidthIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAllocatorFixture(t, false)
		g.receiveREMB(2.1 * pacer.StartBitrate)
		tracks := []*DownTrack{g.d}
		for range 2 {
			tracks = append(tracks, NewDownTrack(g.r, DownTrackOptions{Tap: g.d.options.Tap}))
			g.a.Add(tracks[len(tracks)-1])
		}
		for i, want := range []int{MaxLayers - 1, startSpatial, startSpatial} {
			if got := tracks[i].selection.allowed.Spatial; got != want {
				t.Errorf("track %d starts with layer %d, want %d", i, got, want)
			}
		}
	})
}

func TestAllocatorWithNeverPausePausesNoVideo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAllocatorFixture(t, true)
		g.receiveREMB(4e6)
		g.sendLayers(time.Second)
		g.receiveREMB(4e4)
		g.sendLayers(time.Second)
		g.a.Divide(time.Now().Add(allocationInterval))
		if g.d.selection.allowed.Spatial != 0 || len(g.changes) != 0 {
			t.Errorf("layer %d is allowed with neverPause, after %d pause changes", g.d.selection.allowed.Spatial, len(g.changes))
		}
	})
}

// The subscriber has negotiated transport-wide feedback but sends none, so there is no estimate.
func TestAllocatorAllowsAllLayersIfNoNegotiatedTWCCArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAllocatorFixture(t, false)
		g.sendLayers(3 * time.Second) // longer than pacer.feedbackTimeout
		g.a.Divide(time.Now())
		if g.d.selection.allowed != allLayers {
			t.Errorf("%v is allowed", g.d.selection.allowed)
		}
	})
}

// If key frames of all layers were requested, a later request for a higher layer would be delayed. But that key frame
// is needed as soon as the higher layer is allowed.
func TestNewTrackRequestsAKeyFrameOfOneLayerOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAllocatorFixture(t, false)
		g.d.Stop()
		g.sendLayers(time.Second)
		g.resetKeyFrameThrottle()
		g.publisher.take()
		g.d.SetAllowed(1, 0)
		g.d.Start()
		if got := g.publisher.keyFrameRequests(); !slices.Equal(got, []uint32{layerSSRC(1)}) {
			t.Errorf("key frames requested of %v", got)
		}
	})
}

// After the first feedback, padding is sent on the retransmission stream at several times the estimate, with
// transport-wide sequence numbers. The feedback about the padding raises the estimate.
func TestPaddingProbeRaisesTheBandwidthEstimate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAllocatorFixture(t, false)
		recorder := twcc.NewRecorder(1)
		var mu sync.Mutex
		padding := 0
		buffer := g.d.options.Tap.Buffer(packetio.RTCPBufferPacket, downRTX)
		// The path has no delay: packets arrive when they are sent.
		g.d.options.Tap.BindLocalStream(&interceptor.StreamInfo{SSRC: downSSRC}, interceptor.RTPWriterFunc(
			func(h *rtp.Header, payload []byte, _ interceptor.Attributes) (int, error) {
				mu.Lock()
				defer mu.Unlock()
				number := h.GetExtension(numberID)
				recorder.Record(h.SSRC, binary.BigEndian.Uint16(number), time.Now().UnixMicro())
				if len(payload) == 0 {
					padding += int(h.PaddingSize)
					if h.SSRC != downRTX || h.PayloadType != rtxType {
						t.Errorf("padding on %+v", h)
					}
				}
				return 0, nil
			}))
		g.d.binding.writer = nil
		for range 30 {
			g.sendLayers(100 * time.Millisecond)
			mu.Lock()
			feedback := recorder.BuildFeedbackPacket()
			mu.Unlock()
			for _, f := range feedback {
				raw, err := f.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := buffer.Write(raw); err != nil {
					t.Fatal(err)
				}
			}
		}
		if s := g.d.options.Tap.PacerStats(); padding < 1000 || s.Bitrate < 2_000_000 || !s.Known {
			t.Errorf("%d bytes of padding, %+v", padding, s)
		}
		if g.d.selection.allowed.Spatial != 2 {
			t.Errorf("layer %d is allowed", g.d.selection.allowed.Spatial)
		}
		sent := padding
		g.sendLayers(2 * time.Second)
		if padding != sent {
			t.Errorf("%d more bytes of padding although all wanted layers are sent", padding-sent)
		}
	})
}

// The subscriber does not support transport-wide feedback and sends only REMB. So the path cannot be probed with
// padding. The estimate in REMB grows with the bitrate that the subscriber receives.
func TestAllocatorRaisesLayersOnTrialWithoutTWCC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAllocatorFixture(t, false)
		g.receiveREMB(4e6)
		g.sendLayers(time.Second)
		g.receiveREMB(7e5)
		most := 0
		for range 20 {
			g.sendLayers(time.Second)
			g.receiveREMB(7e5)
			most = max(most, g.d.selection.allowed.Spatial)
		}
		if most < 2 {
			t.Errorf("the highest layer tried is %d", most)
		}
	})
}

func TestRTCPBufferStoresOnlySenderReports(t *testing.T) {
	b := NewTap(1, nil).Buffer(packetio.RTCPBufferPacket, 5)
	pli, err := (&rtcp.PictureLossIndication{MediaSSRC: 5}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	report, err := (&rtcp.SenderReport{SSRC: 5}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range [][]byte{remb(t, 1e6), pli, {0x8f, 205, 0, 0}, {0x80}, report, pli} {
		if n, err := b.Write(raw); err != nil || n != len(raw) {
			t.Fatal(n, err)
		}
	}
	got := make([]byte, 100)
	if n, err := b.Read(got); err != nil || !bytes.Equal(got[:n], report) {
		t.Errorf("read % x, %v, want the sender report", got[:n], err)
	}
	if n := b.(*rtcpBuffer).Count(); n != 0 {
		t.Errorf("%d packets remain in the buffer", n)
	}
}

// The cap also limits the estimate that the subscriber sends.
func TestBitrateCapLimitsTheEstimateUntilRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAllocatorFixture(t, false)
		for _, tt := range []struct{ limit, spatial int }{{0, 2}, {200_000, 0}, {700_000, 1}, {0, 2}} {
			g.a.SetBitrateCap(tt.limit)
			for range 6 { // layers are raised step by step
				g.receiveREMB(4e6)
				g.sendLayers(time.Second)
			}
			if g.d.selection.allowed.Spatial != tt.spatial {
				t.Errorf("with a cap of %d bits/s the layer is %d, want %d", tt.limit, g.d.selection.allowed.Spatial, tt.spatial)
			}
		}
	})
}
