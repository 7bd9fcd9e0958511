package mediafile

import (
	"time"

	"github.com/pion/rtp"
)

const (
	// maxPacketDelay is how long a packet is waited for: several round trips, in which it is asked for again.
	maxPacketDelay = time.Second
	// maxWaitingPackets bounds the packets that wait behind a missing one; beyond it the missing one is given up.
	maxWaitingPackets = 1024
)

// reorderBuffer puts packets back into the order in which they were sent. pion's sample builder does that too, but takes the
// padding that servers probe with for a loss, and needs a megabyte for each track.
type reorderBuffer struct {
	deliver func(p *rtp.Packet, lost bool) // lost: packets before this one never came

	started      bool
	next         uint16                 // the sequence number to deliver next
	waiting      map[uint16]*rtp.Packet // those behind it
	waitingSince time.Time              // when the oldest of early came
}

// push takes a packet that arrived now.
func (o *reorderBuffer) push(p *rtp.Packet, now time.Time) {
	if !o.started {
		o.started, o.next, o.waiting = true, p.SequenceNumber, map[uint16]*rtp.Packet{}
	}
	if int16(p.SequenceNumber-o.next) < 0 {
		return // delivered already, or given up
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

// flush delivers what waits; what is missing is given up.
func (o *reorderBuffer) flush(now time.Time) {
	for len(o.waiting) > 0 {
		o.skipMissing()
		o.deliverNext(true, now)
	}
}

// skipMissing gives up what is missing in front of the first that is there.
func (o *reorderBuffer) skipMissing() {
	for o.waiting[o.next] == nil {
		o.next++
	}
}

// deliverNext delivers as far as nothing is missing.
func (o *reorderBuffer) deliverNext(lost bool, now time.Time) {
	for p := o.waiting[o.next]; p != nil; p = o.waiting[o.next] {
		delete(o.waiting, o.next)
		o.next++
		o.waitingSince = now
		o.deliver(p, lost)
		lost = false
	}
}
