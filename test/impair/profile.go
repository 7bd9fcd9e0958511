package impair

import (
	"math/rand/v2"
	"time"
)

// Profile describes one direction of a link. The zero value forwards every datagram immediately.
type Profile struct {
	Loss    float64       // fraction of datagrams that are dropped, 0 to 1
	Reorder float64       // fraction of datagrams that are delayed by reorderDelay so that later ones overtake them, 0 to 1
	Delay   time.Duration // added to every datagram
	Jitter  time.Duration // maximum extra delay, uniformly distributed; it does not reorder datagrams
	Rate    int           // rate of the bottleneck in bits/s, IPv4 and UDP headers included; 0 means unlimited
	Queue   time.Duration // length of the bottleneck's queue; datagrams beyond it are dropped; 0 means 300 ms, as in home routers
}

// Link describes both directions: Up is towards the server, Down is towards the client.
type Link struct {
	Up   Profile
	Down Profile
}

// Symmetric returns a link that has the profile p in both directions.
func Symmetric(p Profile) Link { return Link{Up: p, Down: p} }

const (
	headers      = 28                     // size in bytes of the IPv4 and UDP headers, which count against Profile.Rate
	defaultQueue = 300 * time.Millisecond // see Profile.Queue
	// reorderDelay is the extra delay of a reordered datagram. It is longer than a burst, but shorter than the time after
	// which receivers stop waiting for a retransmission.
	reorderDelay = 20 * time.Millisecond
)

// schedule decides for each datagram of one direction whether it is lost and when it is delivered. It reads no clock; the
// caller passes the time.
type schedule struct {
	profile Profile
	random  *rand.Rand
	freeAt  time.Time // when the bottleneck has sent everything in its queue
	lastDue time.Time // delivery time of the latest datagram that was not reordered
}

// admit returns the time at which a datagram that arrives at the time now is delivered. ok is false if the datagram is lost.
// size is the length of its payload in bytes.
func (s *schedule) admit(now time.Time, size int) (due time.Time, ok bool) {
	p := &s.profile
	if p.Loss > 0 && s.random.Float64() < p.Loss {
		return time.Time{}, false
	}
	due = now
	if p.Rate > 0 {
		queue := p.Queue
		if queue == 0 {
			queue = defaultQueue
		}
		if s.freeAt.Before(now) {
			s.freeAt = now
		}
		if s.freeAt.Sub(now) > queue {
			return time.Time{}, false
		}
		s.freeAt = s.freeAt.Add(time.Duration(size+headers) * 8 * time.Second / time.Duration(p.Rate))
		due = s.freeAt
	}
	due = due.Add(p.Delay)
	if p.Jitter > 0 {
		due = due.Add(time.Duration(s.random.Int64N(int64(p.Jitter))))
	}
	if p.Reorder > 0 && s.random.Float64() < p.Reorder {
		return due.Add(reorderDelay), true // does not delay the datagrams after it
	}
	if due.Before(s.lastDue) {
		due = s.lastDue
	}
	s.lastDue = due
	return due, true
}
