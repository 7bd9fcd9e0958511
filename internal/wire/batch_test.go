package wire

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBatchGroupsPacketsForSegmentationOffload(t *testing.T) {
	a, b := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:1")
	type sent struct {
		to   netip.AddrPort
		size int
	}
	repeat := func(n int, s sent) (all []sent) {
		for range n {
			all = append(all, s)
		}
		return all
	}
	tests := map[string]struct {
		packets []sent
		want    []int32 // packets in each run
	}{
		"equal packets share a run":        {repeat(5, sent{a, 100}), []int32{5}},
		"a shorter packet ends the run":    {[]sent{{a, 100}, {a, 100}, {a, 40}, {a, 40}}, []int32{3, 1}},
		"a longer packet starts a run":     {[]sent{{a, 100}, {a, 101}, {a, 101}}, []int32{1, 2}},
		"each destination has its own run": {[]sent{{a, 100}, {b, 100}, {a, 100}, {b, 100}}, []int32{2, 2}},
		"at most runPackets packets":       {repeat(130, sent{a, 100}), []int32{64, 64, 2}},
		"at most runBytes bytes":           {repeat(60, sent{a, 1200}), []int32{54, 6}},
		"an empty packet has its own run":  {[]sent{{a, 0}, {a, 0}, {a, 5}, {a, 0}}, []int32{1, 1, 1, 1}},
	}
	batch := newBatch()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			batch.reset()
			for _, p := range test.packets {
				if !batch.add(make([]byte, p.size), p.to) {
					t.Fatal("the batch is full")
				}
			}
			var got []int32
			for _, r := range batch.runs {
				got = append(got, r.count)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFullBatchRefusesPackets(t *testing.T) {
	to := netip.MustParseAddrPort("10.0.0.1:1")
	for size, want := range map[int]int{10: batchPackets, 60000: batchBytes / 60000} {
		b := newBatch()
		n := 0
		for b.add(make([]byte, size), to) {
			n++
		}
		if n != want {
			t.Errorf("accepted %d packets of %d bytes, want %d", n, size, want)
		}
	}
}
