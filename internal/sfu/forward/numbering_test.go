package forward

import (
	"math/rand/v2"
	"testing"
)

// Packets are skipped, lost and delayed at random. Only lost packets may leave gaps in the numbers.
func TestForwardedSequenceNumbersHaveGapsForLostPacketsOnly(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		var n numbering
		first := uint16(random.Uint32())
		n.reset(run{first: first, seq: 1000 - first})
		next := uint16(1000)         // number of the next packet in order
		given := map[uint16]uint16{} // numbers by the publisher's number
		var held []uint16            // lost, to be delivered late
		for i := range 200_000 {     // three times the number space
			seq := first + uint16(i)
			switch random.IntN(20) {
			case 0, 1, 2, 3, 4, 5, 6: // skipped
				n.skip(seq, false)
				continue
			case 7: // lost; its number remains free
				held = append(held, seq)
				given[seq] = next
				next++
				continue
			}
			if !n.isNew(seq) {
				t.Fatalf("packet %d of the source is not new", i)
			}
			if got := seq + n.find(seq).seq; got != next {
				t.Fatalf("seed %d: packet %d of the source gets %d, want %d", seed, i, got, next)
			}
			n.noteHighest(seq)
			next++
			for len(held) > 0 && seq-held[0] > 50 { // delivered late
				late := held[0]
				held = held[1:]
				if r := n.find(late); r == nil || late+r.seq != given[late] || n.isNew(late) {
					t.Fatalf("seed %d: late packet %d gets %v, want %d", seed, late, r, given[late])
				}
			}
		}
	}
}

func TestSequenceNumberOffsetsOfOldPacketsAreRemoved(t *testing.T) {
	var n numbering
	n.reset(run{first: 10})
	for seq := uint16(10); seq < 10+4*maxRuns; seq++ {
		if seq%2 == 0 {
			n.skip(seq, true)
		} else {
			n.noteHighest(seq)
		}
	}
	if r := n.find(11); r != nil {
		t.Errorf("packet 11 of %d runs ago is in run %+v", 2*maxRuns, r)
	}
	newest := n.find(10 + 4*maxRuns)
	if left := uint16(2 * maxRuns); newest.seq != -left || newest.picture != -left {
		t.Errorf("%d packets were skipped, and the run is %+v", left, newest)
	}
	if n.find(9) != nil {
		t.Error("a packet before the first one has a number")
	}
}
