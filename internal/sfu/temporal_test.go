package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu/forward"
)

// temporalVP8 sends VP8 with three temporal layers as libvpx does: in groups of four pictures T0 T2 T1 T2, with two
// packets per picture. In every second group, the upper layers depend on pictures of their own layer in the previous
// group.
type temporalVP8 struct {
	t     *testing.T
	g     *fixture
	count int
	seq   uint16
	tl0   uint8
	key   uint8
}

// raws returns the packets of the next picture.
func (s *temporalVP8) raws(key bool) [][]byte {
	s.t.Helper()
	temporal := []uint8{0, 2, 1, 2}[s.count%4]
	sync := s.count%8 < 3 && temporal > 0
	if temporal == 0 {
		s.tl0++
	}
	if key {
		s.key++
	}
	id := uint16(s.count+32760) & 0x7fff
	var raws [][]byte
	for part := range 2 {
		layer := temporal<<6 | s.key&0x1f
		if sync {
			layer |= 0x20
		}
		first, frame := byte(0x90), byte(1)
		if part > 0 {
			first = 0x80
		}
		if key {
			frame = 0
		}
		raws = append(raws, marshal(s.t, &rtp.Packet{
			Header:  rtp.Header{Version: 2, Marker: part == 1, SequenceNumber: s.seq, Timestamp: uint32(s.count) * 3000, SSRC: layerSSRC(0)},
			Payload: []byte{first, 0xf0, 0x80 | byte(id>>8), byte(id), s.tl0, layer, frame, byte(s.count)},
		}))
		s.seq++
	}
	s.count++
	return raws
}

// feed sends the next picture and returns the packets that were forwarded.
func (s *temporalVP8) feed(key bool) []written {
	s.t.Helper()
	for _, raw := range s.raws(key) {
		s.g.r.layer(0).handle(raw, s.g.now)
	}
	s.g.now = s.g.now.Add(time.Second / 30)
	return s.g.out.take()
}

// temporalOf returns the temporal layers of complete pictures. It fails if one is incomplete.
func temporalOf(t *testing.T, packets []written) []int {
	t.Helper()
	var all []int
	for i := 0; i < len(packets); i += 2 {
		a := packets[i]
		if i+1 == len(packets) || packets[i+1].Timestamp != a.Timestamp || a.Marker || !packets[i+1].Marker {
			t.Fatalf("packet %d is not followed by the rest of its picture", a.SequenceNumber)
		}
		all = append(all, int(a.payload[5]>>6))
	}
	return all
}

// The temporal layer must go down immediately. It must go up only at pictures whose dependencies were sent.
func TestVP8TemporalLayersAreSkippedWithoutSequenceNumberGaps(t *testing.T) {
	g := newFixture(t, 1, true)
	s := &temporalVP8{t: t, g: g, seq: 65000, tl0: 250}
	var all []written
	run := func(pictures int, key bool) []int {
		t.Helper()
		var got []written
		for i := range pictures {
			got = append(got, s.feed(key && i == 0)...)
		}
		all = append(all, got...)
		return temporalOf(t, got)
	}
	equal := func(what string, got []int, want ...int) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: temporal layers %v, want %v", what, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: temporal layers %v, want %v", what, got, want)
			}
		}
	}
	equal("all", run(8, true), 0, 2, 1, 2, 0, 2, 1, 2)
	g.d.SetAllowed(2, 0)
	equal("only the lowest", run(8, false), 0, 0)
	g.d.SetAllowed(2, 1)
	equal("the middle, at its sync point", run(8, false), 0, 1, 0, 1)
	g.d.SetAllowed(2, 2)
	run(1, false)
	equal("all again, at the sync point", run(7, false), 2, 1, 2, 0, 2, 1, 2)
	g.d.SetAllowed(2, 0)
	run(4, false)
	g.d.SetAllowed(2, 2)
	equal("no sync point in this group", run(4, false), 0)
	equal("one layer each", run(8, false), 0, 1, 0, 1)
	equal("and the next", run(8, false), 0, 2, 1, 2, 0, 2, 1, 2)
	g.d.SetAllowed(2, 0)
	run(8, false)
	g.d.SetAllowed(2, 2)
	equal("a key frame begins all", run(4, true), 0, 2, 1, 2)
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		picture := func(p written) uint16 { return (uint16(p.payload[2])<<8 | uint16(p.payload[3])) & 0x7fff }
		want := picture(a)
		if b.Timestamp != a.Timestamp {
			want = (want + 1) & 0x7fff
		}
		tl0 := a.payload[4]
		if b.payload[5]>>6 == 0 && b.Timestamp != a.Timestamp {
			tl0++
		}
		if b.SequenceNumber != a.SequenceNumber+1 || picture(b) != want || b.payload[4] != tl0 {
			t.Errorf("packet %d of picture %d, TL0 %d follows %d of %d, %d", b.SequenceNumber, picture(b), b.payload[4],
				a.SequenceNumber, picture(a), a.payload[4])
		}
	}
}

// Both packets of a picture in an unwanted temporal layer arrive late. Until then the server does not know their layer,
// and leaves two sequence numbers free for them. When they arrive, it must send padding with these numbers. It must
// also answer a NACK for the padding.
func TestLatePacketOfUnwantedLayerIsReplacedByPadding(t *testing.T) {
	g := newFixture(t, 1, true)
	s := &temporalVP8{t: t, g: g, seq: 100}
	g.d.SetAllowed(2, 0)
	s.feed(true)
	lost := s.raws(false)
	first := s.feed(false) // T1 is not wanted
	s.feed(false)
	after := s.feed(false) // T0
	if len(first) != 0 || len(after) != 2 || after[0].SequenceNumber != 104 {
		t.Fatalf("sent %v and %v, want 104 and 105, after the two that may still arrive", sequenceNumbers(first), sequenceNumbers(after))
	}
	for i, raw := range lost {
		g.r.layer(0).handle(raw, g.now)
		got := g.out.take()
		if len(got) != 1 || got[0].SequenceNumber != uint16(102+i) || len(got[0].payload) != 0 || got[0].PaddingSize == 0 || got[0].Marker {
			t.Fatalf("a late packet of an unwanted layer was replaced by %+v, want padding", got)
		}
	}
	g.d.handleRTCP(nackOf(downSSRC, 102), g.now)
	if got := g.out.take(); len(got) != 1 || got[0].SequenceNumber != 102 || got[0].SSRC != downSSRC || len(got[0].payload) != 0 {
		t.Errorf("the NACK for padding was answered with %+v", got)
	}
	g.d.handleRTCP(nackOf(downSSRC, 104), g.now)
	if got := g.out.take(); len(got) != 1 || got[0].SSRC != downRTX || got[0].payload[len(got[0].payload)-1] != 4 {
		t.Errorf("the NACK for picture 4 was answered with %+v", got)
	}
}

func TestVP9LayersAreSelectedByPayloadDescriptor(t *testing.T) {
	packets := recording(t, "vp9-l2t2")
	for _, want := range []forward.Target{{Spatial: 2, Temporal: 2}, {Spatial: 1, Temporal: 0}, {Spatial: 0, Temporal: 2}, {Spatial: 0, Temporal: 0}} {
		g := newFixtureWith(t, fixtureOptions{mime: webrtc.MimeTypeVP9, layers: 1})
		l := g.r.layer(0)
		l.ssrc = ssrcOf(packets[0].raw)
		g.d.SetAllowed(want.Spatial, want.Temporal)
		var seen [2][2]int
		var last *written
		begin := g.now
		for i, p := range packets {
			g.now = begin.Add(p.at)
			if i == len(packets)/2 {
				g.d.SetAllowed(1, 0)
				g.d.SetAllowed(want.Spatial, want.Temporal) // changing it back has no effect
			}
			l.handle(p.raw, g.now)
			for _, w := range g.out.take() {
				spatial, temporal := int(w.payload[3]>>1&7), int(w.payload[3]>>5)
				seen[spatial][temporal]++
				if last != nil && w.SequenceNumber != last.SequenceNumber+1 {
					t.Errorf("%+v: packet %d follows %d", want, w.SequenceNumber, last.SequenceNumber)
				}
				// In the second picture, Chromium sent no upper layer and no marker.
				if ends := last != nil && last.Timestamp != w.Timestamp; last != nil && last.Marker != ends && (last.Marker || want.Spatial == 0) {
					t.Errorf("%+v: the marker of %d is %v, and the picture ends: %v", want, last.SequenceNumber, last.Marker, last.Timestamp != w.Timestamp)
				}
				last = &w
			}
		}
		for spatial := range 2 {
			for temporal := range 2 {
				if n := seen[spatial][temporal]; (n > 0) != (spatial <= want.Spatial && temporal <= want.Temporal) {
					t.Errorf("up to S%dT%d: %d packets of S%dT%d", want.Spatial, want.Temporal, n, spatial, temporal)
				}
			}
		}
	}
}
