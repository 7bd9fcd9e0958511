package impair

import (
	"math/rand/v2"
	"time"
)

// Profile is one direction of a link. The zero value hands on everything at once.
type Profile struct {
	Loss    float64       // share of datagrams that vanish, 0 to 1
	Reorder float64       // share that is held back so that later ones overtake, 0 to 1
	Delay   time.Duration // added to every datagram
	Jitter  time.Duration // at most this is added on top, evenly spread, without reordering
	Rate    int           // bits a second of the bottleneck, IP and UDP headers included; 0 is unlimited
	Queue   time.Duration // what the bottleneck holds before it drops; 0 is 300 ms, as home routers do
}

// Link is both directions: up towards the server, down towards the client.
type Link struct {
	Up   Profile
	Down Profile
}

// Symmetric is the link whose two directions are alike.
func Symmetric(p Profile) Link { return Link{Up: p, Down: p} }

const (
	headers      = 28                     // bytes of the IPv4 and UDP headers, which the bottleneck carries too
	defaultQueue = 300 * time.Millisecond // see Path.Queue
	heldBack     = 20 * time.Millisecond  // a reordered datagram comes this much later: past a burst, and within a NACK's patience
)

// course decides what becomes of each datagram of one direction. Time is an argument.
type course struct {
	path   Profile
	random *rand.Rand
	free   time.Time // when the bottleneck has sent what it holds
	last   time.Time // when the latest of those in order is due
}

// admit returns when a datagram of size bytes that arrives at now is due at the other end, or false if it is lost.
func (c *course) admit(now time.Time, size int) (due time.Time, ok bool) {
	p := &c.path
	if p.Loss > 0 && c.random.Float64() < p.Loss {
		return time.Time{}, false
	}
	due = now
	if p.Rate > 0 {
		queue := p.Queue
		if queue == 0 {
			queue = defaultQueue
		}
		if c.free.Before(now) {
			c.free = now
		}
		if c.free.Sub(now) > queue {
			return time.Time{}, false
		}
		c.free = c.free.Add(time.Duration(size+headers) * 8 * time.Second / time.Duration(p.Rate))
		due = c.free
	}
	due = due.Add(p.Delay)
	if p.Jitter > 0 {
		due = due.Add(time.Duration(c.random.Int64N(int64(p.Jitter))))
	}
	if p.Reorder > 0 && c.random.Float64() < p.Reorder {
		return due.Add(heldBack), true // and does not hold up those behind it
	}
	if due.Before(c.last) {
		due = c.last
	}
	c.last = due
	return due, true
}
