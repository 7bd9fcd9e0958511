package mediafile

import (
	"time"

	"github.com/pion/rtp"
)

const (
	// maxPacketDelay is the time to wait for a missing packet. This is several round trips, in which the packet may
	// be retransmitted.
	maxPacketDelay = time.Second
	// maxWaitingPackets is the largest number of packets that wait for a missing one. If there are more, the missing
	// packet counts as lost.
	maxWaitingPackets = 1024
)

// reorderBuffer sorts received packets by sequence number. pion's sample builder does that too, but it needs a
// megabyte for each track. It also treats padding packets, with which servers probe the bandwidth, as lost packets.
type reorderBuffer struct {
	deliver func(p *rtp.Packet, lost bool) // lost means that packets before p are missing

	started      bool
	next         uint16                 // sequence number of the next packet to deliver
	waiting      map[uint16]*rtp.Packet // packets after next, by sequence number
	waitingSince time.Time              // arrival time of the first waiting packet, or of the last delivery
}

// push adds a packet and delivers the packets that are in order. now is the time of the packet's arrival.
func (o *reorderBuffer) push(p *rtp.Packet, now time.Time) {
	if !o.started {
		o.started, o.next, o.waiting = true, p.SequenceNumber, map[uint16]*rtp.Packet{}
	}
	if int16(p.SequenceNumber-o.next) < 0 {
		return // delivered already, or counted as lost
	}
	if len(o.waiting) == 0 {
		o.waitingSince = now
	}
	o.waiting[p.SequenceNumber] = p
	o.deliverNext(false, now)
	if len(o.waiting) > 0 && (now.Sub(o.waitingSince) > maxPacketDelay || len(o.waiting) > maxWaitingPackets) {
		o.skipMissing()
		o.deliverNext(true, now)
	}
}

// flush delivers all waiting packets. Missing packets count as lost.
func (o *reorderBuffer) flush(now time.Time) {
	for len(o.waiting) > 0 {
		o.skipMissing()
		o.deliverNext(true, now)
	}
}

// skipMissing counts the missing packets before the first waiting one as lost.
func (o *reorderBuffer) skipMissing() {
	for o.waiting[o.next] == nil {
		o.next++
	}
}

// deliverNext delivers waiting packets up to the next missing one. lost is passed to deliver with the first of them.
func (o *reorderBuffer) deliverNext(lost bool, now time.Time) {
	for p := o.waiting[o.next]; p != nil; p = o.waiting[o.next] {
		delete(o.waiting, o.next)
		o.next++
		o.waitingSince = now
		o.deliver(p, lost)
		lost = false
	}
}
