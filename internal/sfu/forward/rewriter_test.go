package forward

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"meet/internal/sfu/codec"
)

// step is one packet of a layer, or a pause, and the expected result.
type step struct {
	pause  bool
	start  bool // forwarding switches to this packet's layer
	layer  int
	ssrc   uint32 // 0: layerSSRC(layer)
	seq    uint16
	ts     uint32
	at     time.Duration // since the start
	vp8    *codec.VP8Descriptor
	want   Rewrite
	refuse bool
}

// wrote returns the Rewrite of a packet without a dependency descriptor.
func wrote(seq uint16, ts uint32, picture uint16, tl0, key uint8) Rewrite {
	return Rewrite{Seq: seq, TS: ts, Picture: picture, TL0: tl0, Key: key}
}

// layerSSRC returns the SSRC of layer n.
func layerSSRC(n int) uint32 { return uint32(100 + n) }

// noAlign is an align function that has no sender reports, so it never knows the offset.
func noAlign(int, int) (uint32, bool) { return 0, false }

// vp8 returns a VP8 payload descriptor with all fields.
func vp8(picture uint16, tl0, key uint8) *codec.VP8Descriptor {
	return &codec.VP8Descriptor{
		Present: true, PictureID: picture, PictureIDBits: 15, TL0: tl0, HasTL0: true, KeyIndex: key, HasKeyIndex: true,
	}
}

func TestRewriterMakesOneContinuousStreamFromSimulcastLayers(t *testing.T) {
	tests := []struct {
		name  string
		align func(from, to int) (uint32, bool)
		steps []step
	}{
		{"the first layer's numbers are unchanged", noAlign, []step{
			{start: true, seq: 10, ts: 5000, vp8: vp8(20, 30, 7), want: wrote(10, 5000, 20, 30, 7)},
			{seq: 11, ts: 8000, vp8: vp8(21, 31, 7), want: wrote(11, 8000, 21, 31, 7)},
			{seq: 9, ts: 2000, refuse: true},
		}},
		{"a switch by arrival", noAlign, []step{
			{start: true, seq: 10, ts: 5000, vp8: vp8(20, 30, 7), want: wrote(10, 5000, 20, 30, 7)},
			{seq: 11, ts: 8000, at: 33 * time.Millisecond, vp8: vp8(21, 31, 7), want: wrote(11, 8000, 21, 31, 7)},
			{
				start: true, layer: 1, seq: 900, ts: 1 << 31, at: 133 * time.Millisecond, vp8: vp8(500, 60, 30),
				want: wrote(12, 17000, 22, 32, 8),
			},
			{layer: 1, seq: 901, ts: 1<<31 + 3000, vp8: vp8(501, 61, 30), want: wrote(13, 20000, 23, 33, 8)},
			{layer: 1, seq: 899, ts: 1<<31 - 3000, vp8: vp8(499, 59, 30), refuse: true},
			{layer: 1, seq: 903, ts: 1<<31 + 6000, vp8: vp8(502, 62, 30), want: wrote(15, 23000, 24, 34, 8)},
			{layer: 1, seq: 902, ts: 1<<31 + 6000, vp8: vp8(502, 62, 30), want: wrote(14, 23000, 24, 34, 8)},
		}},
		{"a switch by sender reports", func(from, to int) (uint32, bool) { return 4000 - 1000, from == 0 && to == 1 }, []step{
			{start: true, seq: 10, ts: 5000, want: Rewrite{Seq: 10, TS: 5000}},
			{start: true, layer: 1, seq: 70, ts: 3000, at: time.Minute, want: Rewrite{Seq: 11, TS: 6000}},
			{layer: 1, seq: 71, ts: 4000, want: Rewrite{Seq: 12, TS: 7000}},
			// Back to layer 0, whose offset is still known.
			{start: true, layer: 0, seq: 20, ts: 8000, want: Rewrite{Seq: 13, TS: 8000}},
		}},
		{"timestamps never decrease", func(int, int) (uint32, bool) { return 0, true }, []step{
			{start: true, seq: 1, ts: 5000, want: Rewrite{Seq: 1, TS: 5000}},
			{start: true, layer: 1, seq: 1, ts: 4000, want: Rewrite{Seq: 2, TS: 5001}},
			{layer: 1, seq: 2, ts: 7000, want: Rewrite{Seq: 3, TS: 8001}},
		}},
		{"equal timestamps are increased by one", noAlign, []step{
			{start: true, seq: 1, ts: 5000, want: Rewrite{Seq: 1, TS: 5000}},
			{start: true, layer: 1, seq: 1, ts: 4000, at: -time.Second, want: Rewrite{Seq: 2, TS: 5001}},
		}},
		{"numbers wrap", noAlign, []step{
			{start: true, seq: 65534, ts: 1<<32 - 3000, vp8: vp8(0x7fff, 255, 31), want: wrote(65534, 1<<32-3000, 0x7fff, 255, 31)},
			{seq: 65535, ts: 0, vp8: vp8(0, 0, 31), want: wrote(65535, 0, 0, 0, 31)},
			{seq: 0, ts: 3000, vp8: vp8(1, 1, 31), want: wrote(0, 3000, 1, 1, 31)},
			{seq: 65535, ts: 0, vp8: vp8(0, 0, 31), want: wrote(65535, 0, 0, 0, 31)}, // late, across the wrap
			{start: true, layer: 1, seq: 65535, ts: 50, at: time.Second, vp8: vp8(0x7fff, 255, 31), want: wrote(1, 93000, 2, 2, 0)},
			{layer: 1, seq: 0, ts: 60, vp8: vp8(0, 0, 31), want: wrote(2, 93010, 3, 3, 0)},
		}},
		{"a pause leaves a gap only in timestamps", noAlign, []step{
			{start: true, seq: 10, ts: 5000, vp8: vp8(20, 30, 7), want: wrote(10, 5000, 20, 30, 7)},
			{pause: true},
			{start: true, seq: 400, ts: 95000, vp8: vp8(150, 180, 9), want: wrote(11, 95000, 21, 31, 8)},
			{seq: 399, ts: 94000, refuse: true},
		}},
		{"a replaced stream continues the numbers of the previous one", noAlign, []step{
			{start: true, seq: 10, ts: 5000, want: Rewrite{Seq: 10, TS: 5000}},
			{start: true, ssrc: 999, seq: 7, ts: 1 << 30, at: 100 * time.Millisecond, want: Rewrite{Seq: 11, TS: 14000}},
			{ssrc: 999, seq: 8, ts: 1<<30 + 3000, want: Rewrite{Seq: 12, TS: 17000}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newRewriter(90000)
			begin := time.Now()
			for i, s := range tt.steps {
				if s.pause {
					f.Pause()
					continue
				}
				p := &Packet{Layer: s.layer, Arrival: begin.Add(s.at)}
				p.Header.SequenceNumber, p.Header.Timestamp, p.Header.SSRC = s.seq, s.ts, layerSSRC(s.layer)
				if s.ssrc != 0 {
					p.Header.SSRC = s.ssrc
				}
				if s.vp8 != nil {
					p.Info.VP8 = *s.vp8
				}
				if f.Continues(p) == s.start {
					t.Fatalf("step %d: Continues = %v, start = %v", i, f.Continues(p), s.start)
				}
				if s.start {
					f.start(p, tt.align)
				}
				run := f.numbers.find(s.seq)
				if (run == nil) != s.refuse {
					t.Fatalf("step %d: run %v, want none: %v", i, run, s.refuse)
				}
				var got Rewrite
				if run != nil {
					f.translate(p, run, &got)
				}
				if d := cmp.Diff(s.want, got, cmpopts.IgnoreFields(Rewrite{}, "Mask")); d != "" {
					t.Fatalf("step %d: %s", i, d)
				}
			}
		})
	}
}

// Over several wraps of the sequence numbers, late packets must not be mistaken for packets before the start.
func TestRewriterAcceptsLatePacketsAfterManySequenceNumberWraps(t *testing.T) {
	f := newRewriter(90000)
	p := &Packet{}
	p.Header.SequenceNumber = 40000
	f.start(p, noAlign)
	for i := range 300_000 {
		p.Header.SequenceNumber = uint16(40000 + i)
		p.Header.Timestamp = uint32(i)
		var out Rewrite
		f.translate(p, f.numbers.find(p.Header.SequenceNumber), &out)
		if out.Seq != p.Header.SequenceNumber {
			t.Fatalf("packet %d: forwarded as %d, want %d", i, out.Seq, p.Header.SequenceNumber)
		}
		if late := *p; i > 300 {
			late.Header.SequenceNumber -= 300
			if f.numbers.find(late.Header.SequenceNumber) == nil {
				t.Fatalf("packet %d, 300 late, was refused", i)
			}
		}
	}
}
