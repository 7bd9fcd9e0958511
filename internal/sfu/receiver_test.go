package sfu

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// A request that comes too early is sent when the interval has passed.
func TestKeyFrameRequestsOfOneLayerAreThrottled(t *testing.T) {
	g := newFixture(t, 2, false)
	l, other := g.r.layer(0), g.r.layer(1)
	requested := func(what string, want ...uint32) {
		t.Helper()
		if d := cmp.Diff(want, g.publisher.keyFrameRequests()); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	at := func(d time.Duration) time.Time { return g.now.Add(d) }
	g.d.Stop() // it sends requests of its own
	l.requestKeyFrame(at(0))
	requested("the first request", layerSSRC(0))
	l.requestKeyFrame(at(1))
	other.requestKeyFrame(at(1))
	requested("too early for layer 0, not for layer 1", layerSSRC(1))
	packet := func(seq uint16, when time.Time) { l.handle(vp8Packet{seq: seq}.raw(t, l.ssrc), when) }
	packet(1, at(keyFrameInterval-1))
	requested("the interval is not over")
	packet(2, at(keyFrameInterval))
	requested("the pending request", layerSSRC(0))
	packet(3, at(3*keyFrameInterval))
	requested("nothing is pending any more")
	l.requestKeyFrame(at(3 * keyFrameInterval))
	requested("a new request", layerSSRC(0))
}

// A publisher that sends nothing may drop requests. When its first packet arrives, the server must repeat the request
// once.
func TestKeyFrameIsRequestedAgainWhenPublisherResumes(t *testing.T) {
	g := newFixture(t, 1, false)
	g.receive(0, vp8Packet{seq: 1, key: true})
	g.d.SetWanted(false, 0, 0)
	g.now = g.now.Add(time.Minute)
	g.d.SetWanted(true, MaxLayers-1, 0)
	g.r.requestKeyFrame(0, g.now)
	g.r.requestKeyFrame(0, g.now) // too early, so it is pending
	g.publisher.take()
	for seq := range uint16(10) {
		g.now = g.now.Add(33 * time.Millisecond)
		g.receive(0, vp8Packet{seq: 2 + seq})
	}
	if d := cmp.Diff([]uint32{layerSSRC(0)}, g.publisher.keyFrameRequests()); d != "" {
		t.Error(d)
	}
	g.receive(0, vp8Packet{seq: 12, key: true})
	if got := sequenceNumbers(g.out.take()); len(got) != 2 {
		t.Errorf("the viewer gets packets %v, want the key frames before and after", got)
	}
}

func TestRequestKeyFramesAsksActiveLayersOnly(t *testing.T) {
	g := newFixture(t, 3, false)
	g.d.Stop()
	g.receive(2, vp8Packet{seq: 1})
	g.receive(0, vp8Packet{seq: 1})
	g.publisher.take()
	g.r.RequestKeyFrames()
	if d := cmp.Diff([]uint32{layerSSRC(0), layerSSRC(2)}, g.publisher.keyFrameRequests()); d != "" {
		t.Error(d)
	}
	g.r.RequestKeyFrame(-1) // no such layer
	g.r.RequestKeyFrame(MaxLayers)
}

func TestBestLayerIsHighestActiveUpToWantedElseLowestActive(t *testing.T) {
	for _, tt := range []struct {
		alive  uint32
		wanted int
		want   int
	}{
		{0b000, 2, -1},
		{0b111, 2, 2},
		{0b111, 1, 1},
		{0b111, 0, 0},
		{0b011, 2, 1},
		{0b101, 1, 0},
		{0b110, 0, 1},
		{0b100, 0, 2},
	} {
		r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeVP8}})
		r.activeLayers.Store(tt.alive)
		if got := r.bestLayer(tt.wanted); got != tt.want {
			t.Errorf("of %03b wanting %d: layer %d, want %d", tt.alive, tt.wanted, got, tt.want)
		}
	}
}

func TestLayerIsInactiveAfterTimeoutWithoutPackets(t *testing.T) {
	for _, tt := range []struct {
		sparse bool
		sender int // the only layer that still sends
		gap    time.Duration
		want   uint32
	}{
		{false, 0, layerTimeout, 0b111},
		{false, 0, layerTimeout + 1, 0b001},
		{false, 2, layerTimeout + 1, 0b101}, // the lowest active layer has longLayerTimeout
		{false, 2, longLayerTimeout + 1, 0b100},
		{true, 0, layerTimeout + 1, 0b111},
		{true, 0, sparseTimeout, 0b111},
		{true, 0, sparseTimeout + 1, 0b001},
	} {
		g := newFixture(t, 3, false)
		g.r.options.Sparse = tt.sparse
		for n := range 3 {
			g.receive(n, vp8Packet{seq: 1})
		}
		g.now = g.now.Add(tt.gap)
		g.receive(tt.sender, vp8Packet{seq: 2})
		if got := g.r.activeLayers.Load(); got != tt.want {
			t.Errorf("sparse %v, only layer %d sends for %v: active %03b, want %03b", tt.sparse, tt.sender, tt.gap, got, tt.want)
		}
		g.receive(2, vp8Packet{seq: 3})
		if got := g.r.activeLayers.Load(); got&0b100 == 0 {
			t.Errorf("sparse %v: a layer that sends again is not active", tt.sparse)
		}
	}
}

// sliceReader returns a read function that returns the given packets, and then io.EOF. A nil packet stands for one that
// is too large for the buffer.
func sliceReader(packets ...[]byte) func([]byte) (int, error) {
	return func(b []byte) (int, error) {
		if len(packets) == 0 {
			return 0, io.EOF
		}
		raw := packets[0]
		packets = packets[1:]
		if raw == nil {
			return len(b), io.ErrShortBuffer
		}
		return copy(b, raw), nil
	}
}

// recordingSink is a Sink that stores the sequence numbers of its packets.
type recordingSink struct {
	seqs  []uint16
	ended int
}

func (s *recordingSink) WriteRTP(p *Packet)   { s.seqs = append(s.seqs, p.Header.SequenceNumber) }
func (*recordingSink) SetMuted(bool)          {}
func (*recordingSink) WriteSilence(time.Time) {}
func (*recordingSink) Loss(time.Time) uint8   { return 0 }
func (s *recordingSink) Ended()               { s.ended++ }

func TestReceiverDeliversPacketsOfAllLayers(t *testing.T) {
	up := &feedbackLog{}
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}})
	s := &recordingSink{}
	r.AddSink(s)
	r.AddSink(s) // a second AddSink does nothing
	one, two := vp8Packet{seq: 1, key: true}.raw(t, 5), vp8Packet{seq: 2}.raw(t, 5)
	sr, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{SSRC: 5, NTPTime: 9 << 32, RTPTime: 77}})
	if err != nil {
		t.Fatal(err)
	}
	other, err := (&rtcp.SenderReport{SSRC: 6, NTPTime: 8 << 32}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	noVP8 := slices.Clone(one[:13]) // truncated in the payload descriptor
	noVP8[3] = 3
	ended := 0
	add := func(n int, ssrc uint32, rtp, rtcp func([]byte) (int, error)) {
		r.AddLayer(n, &scriptedSource{ssrc: ssrc, rtp: rtp, rtcp: rtcp, publisher: up}, func() { ended++ })
	}
	add(-1, 1, sliceReader(one), sliceReader())
	add(MaxLayers, 1, sliceReader(one), sliceReader())
	add(1, 5, sliceReader(one, nil, []byte{1, 2}, one, noVP8, two), sliceReader(nil, []byte{1}, sr, other))
	r.wg.Wait()
	if ended != 1 {
		t.Errorf("%d streams have ended, of one that was read", ended)
	}
	if d := cmp.Diff([]uint16{1, 2}, s.seqs); d != "" {
		t.Errorf("packets at the sink: %s", d)
	}
	want := Stats{Packets: 3, Bytes: uint64(2*len(one) + len(noVP8) + len(two)), Malformed: 5}
	if d := cmp.Diff(want, r.Stats()); d != "" {
		t.Error(d)
	}
	if got := r.layer(1).senderReport(); got.ntp != 9<<32 || got.rtp != 77 || got.at.IsZero() {
		t.Errorf("sender report %+v, want that of SSRC 5", got)
	}
	if got := r.activeLayers.Load(); got != 0 {
		t.Errorf("alive %03b after the layer ended", got)
	}
	r.RemoveSink(s)
	add(0, 6, sliceReader(one), sliceReader())
	r.Close()
	add(0, 6, sliceReader(one), sliceReader())
	if len(s.seqs) != 2 || s.ended != 0 {
		t.Errorf("a removed sink was given %v, and ended %d times", s.seqs[2:], s.ended)
	}
}

// A publisher computes its round-trip time from these fields.
func TestReceptionReportContainsLastSenderReportAndDelay(t *testing.T) {
	g := newFixture(t, 2, false)
	if got := g.r.receptionReports(g.now); got != nil {
		t.Errorf("reports %v before any packet", got)
	}
	g.receive(1, vp8Packet{seq: 7})
	g.receive(1, vp8Packet{seq: 10})
	l := g.r.layer(1)
	l.lastSenderReport = senderReport{ntp: 0x1122334455667788, rtp: 1, at: g.now}
	want := []rtcp.ReceptionReport{{
		SSRC: layerSSRC(1), FractionLost: 128, TotalLost: 2, LastSequenceNumber: 10,
		LastSenderReport: 0x33445566, Delay: 65536 / 4,
	}}
	if d := cmp.Diff(want, g.r.receptionReports(g.now.Add(250*time.Millisecond))); d != "" {
		t.Error(d)
	}
}
