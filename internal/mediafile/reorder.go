package mediafile

import (
	"time"

	"github.com/pion/rtp"
)

const (
	// maxPacketDelay is the time to wait for a missing packet. Within several round trips it may be retransmitted.
	maxPacketDelay = time.Second
	// maxWaitingPackets is the largest number of packets that wait for a missing one. If there are more, the missing
	// packet counts as lost.
	maxWaitingPackets = 1024
)

// reorderBuffer sorts received packets by sequence number. pion's sample builder also does that, but it treats the
// padding with which servers probe the bandwidth as a loss, and needs a megabyte for each track.
type reorderBuffer struct {
	deliver func(p *rtp.Packet, lost bool) // lost means that packets before p are missing

	started      bool
	next         uint16                 // sequence number of the next packet to deliver
	waiting      map[uint16]*rtp.Packet // packets after next, by sequence number
	waitingSince time.Time              // arrival time of the first waiting packet, or of the last delivery
}

// push adds a packet that arrived at the time now, and delivers the packets that are in order.
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

// deliverNext delivers waiting packets up to the next missing one. It passes lost with the first of them.
func (o *reorderBuffer) deliverNext(lost bool, now time.Time) {
	for p := o.waiting[o.next]; p != nil; p = o.waiting[o.next] {
		delete(o.waiting, o.next)
		o.next++
		o.waitingSince = now
		o.deliver(p, lost)
		lost = false
	}
}
