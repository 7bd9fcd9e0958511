package impair

import (
	"container/heap"
	"math/rand/v2"
	"sync"
	"time"
)

// maxInFlight bounds the datagrams in flight in one direction: two seconds of traffic at 20 Mbit/s. Further datagrams are
// dropped.
const maxInFlight = 4096

// datagram is a datagram in flight. send delivers it.
type datagram struct {
	due  time.Time
	n    uint64 // order of arrival, in which datagrams that are due at the same time are sent
	data []byte
	send func([]byte)
}

// oneWayLink is one direction of the link. It holds each datagram until it is due and then sends it.
type oneWayLink struct {
	wake chan struct{} // capacity 1: signals that the first datagram in inFlight has changed

	mu       sync.Mutex
	schedule schedule
	cut      bool
	count    uint64 // datagrams ever put in flight
	inFlight dueQueue
	stats    Stats
}

// newOneWayLink returns a link without impairments. seed determines its random loss, jitter and reordering.
func newOneWayLink(seed uint64) *oneWayLink {
	l := &oneWayLink{wake: make(chan struct{}, 1)}
	l.schedule.random = rand.New(rand.NewPCG(seed, seed))
	return l
}

// setProfile applies p to datagrams that arrive from now on.
func (l *oneWayLink) setProfile(p Profile) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.schedule.profile = p
}

// setCut cuts or restores the link. Cutting drops all datagrams in flight.
func (l *oneWayLink) setCut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if cut {
		l.stats.Dropped += uint64(len(l.inFlight))
		clear(l.inFlight)
		l.inFlight = l.inFlight[:0]
	}
}

// accept schedules or drops a datagram that arrives at the time now. It copies data and calls send with the copy when the
// datagram is due.
func (l *oneWayLink) accept(now time.Time, data []byte, send func([]byte)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Datagrams++
	l.stats.Bytes += uint64(len(data))
	if l.cut || len(l.inFlight) >= maxInFlight {
		l.stats.Dropped++
		return
	}
	due, ok := l.schedule.admit(now, len(data))
	if !ok {
		l.stats.Dropped++
		return
	}
	l.count++
	heap.Push(&l.inFlight, datagram{due, l.count, append([]byte(nil), data...), send})
	if l.inFlight[0].n == l.count { // this datagram is the next one due
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// next removes and returns the first datagram if it is due at the time now. Otherwise ok is false, and wait is the time
// until the first datagram is due, or 0 if none is in flight.
func (l *oneWayLink) next(now time.Time) (d datagram, wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.inFlight) == 0 {
		return datagram{}, 0, false
	}
	if wait = l.inFlight[0].due.Sub(now); wait > 0 {
		return datagram{}, wait, false
	}
	return heap.Pop(&l.inFlight).(datagram), 0, true
}

// run sends datagrams when they are due, until done is closed.
func (l *oneWayLink) run(done <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		d, wait, ok := l.next(time.Now())
		if ok {
			d.send(d.data)
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-done:
			return
		case <-l.wake:
		case <-due:
		}
	}
}

// snapshot returns the counts so far.
func (l *oneWayLink) snapshot() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// dueQueue is a heap.Interface that orders datagrams by the time they are due.
type dueQueue []datagram

func (q dueQueue) Len() int      { return len(q) }
func (q dueQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q dueQueue) Less(i, j int) bool {
	if !q[i].due.Equal(q[j].due) {
		return q[i].due.Before(q[j].due)
	}
	return q[i].n < q[j].n
}
func (q *dueQueue) Push(x any) { *q = append(*q, x.(datagram)) }
func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	d := (*q)[last]
	(*q)[last] = datagram{}
	*q = (*q)[:last]
	return d
}
