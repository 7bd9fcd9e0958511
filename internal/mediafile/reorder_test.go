package mediafile

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// arrived holds sequence numbers in the order of arrival, and want holds them in the order of delivery. A negative
// number means that packets before this one are lost.
func TestReorderBufferSortsPackets(t *testing.T) {
	for name, tt := range map[string]struct {
		arrived []uint16
		want    []int
	}{
		"in order":    {[]uint16{1, 2, 3}, []int{1, 2, 3}},
		"two swapped": {[]uint16{1, 3, 2, 4}, []int{1, 2, 3, 4}},
		"duplicates":  {[]uint16{1, 2, 2, 1, 3}, []int{1, 2, 3}},
		"wraparound":  {[]uint16{65534, 0, 65535, 1}, []int{65534, 65535, 0, 1}},
		"one lost":    {[]uint16{1, 3, 4}, []int{1, -3, 4}},
		"two lost":    {[]uint16{1, 3, 6}, []int{1, -3, -6}},
		"late packet": {[]uint16{5, 4, 6}, []int{5, 6}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			o := reorderBuffer{deliver: func(p *rtp.Packet, lost bool) {
				n := int(p.SequenceNumber)
				if lost {
					n = -n
				}
				got = append(got, n)
			}}
			now := time.Now()
			for _, seq := range tt.arrived {
				o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq}}, now)
			}
			o.flush(now)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// A lost packet is skipped after more than a second, or if more than maxWaitingPackets packets wait for it.
func TestReorderBufferSkipsLostPacketAfterTimeOrCountLimit(t *testing.T) {
	delivered := 0
	o := reorderBuffer{deliver: func(*rtp.Packet, bool) { delivered++ }}
	now := time.Now()
	o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: 1}}, now)
	o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: 3}}, now)
	if o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: 4}}, now.Add(maxPacketDelay)); delivered != 1 {
		t.Errorf("%d delivered after a second", delivered)
	}
	if o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: 5}}, now.Add(maxPacketDelay+1)); delivered != 4 {
		t.Errorf("%d delivered after more than a second", delivered)
	}
	for seq := range uint16(maxWaitingPackets + 1) {
		o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: 7 + seq}}, now.Add(maxPacketDelay+2))
	}
	if delivered != 4+maxWaitingPackets+1 || len(o.waiting) != 0 {
		t.Errorf("%d delivered, %d waiting", delivered, len(o.waiting))
	}
}
