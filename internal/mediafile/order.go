package mediafile

import (
	"time"

	"github.com/pion/rtp"
)

const (
	// lateMost is how long a packet is waited for: several round trips, in which it is asked for again.
	lateMost = time.Second
	// earlyMost bounds the packets that wait behind a missing one; beyond it the missing one is given up.
	earlyMost = 1024
)

// order puts packets back into the order in which they were sent. pion's sample builder does that too, but takes the
// padding that servers probe with for a loss, and needs a megabyte for each track.
type order struct {
	deliver func(p *rtp.Packet, lost bool) // lost: packets before this one never came

	begun bool
	next  uint16                 // the sequence number to deliver next
	early map[uint16]*rtp.Packet // those behind it
	since time.Time              // when the oldest of early came
}

// push takes a packet that arrived now.
func (o *order) push(p *rtp.Packet, now time.Time) {
	if !o.begun {
		o.begun, o.next, o.early = true, p.SequenceNumber, map[uint16]*rtp.Packet{}
	}
	if int16(p.SequenceNumber-o.next) < 0 {
		return // delivered already, or given up
	}
	if len(o.early) == 0 {
		o.since = now
	}
	o.early[p.SequenceNumber] = p
	o.run(false, now)
	if len(o.early) > 0 && (now.Sub(o.since) > lateMost || len(o.early) > earlyMost) {
		o.skip()
		o.run(true, now)
	}
}

// flush delivers what waits; what is missing is given up.
func (o *order) flush(now time.Time) {
	for len(o.early) > 0 {
		o.skip()
		o.run(true, now)
	}
}

// skip gives up what is missing in front of the first that is there.
func (o *order) skip() {
	for o.early[o.next] == nil {
		o.next++
	}
}

// run delivers as far as nothing is missing.
func (o *order) run(lost bool, now time.Time) {
	for p := o.early[o.next]; p != nil; p = o.early[o.next] {
		delete(o.early, o.next)
		o.next++
		o.since = now
		o.deliver(p, lost)
		lost = false
	}
}
