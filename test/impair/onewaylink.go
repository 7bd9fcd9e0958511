package impair

import (
	"container/heap"
	"math/rand/v2"
	"sync"
	"time"
)

// maxWaiting bounds the datagrams under way in one direction: two seconds of 20 Mbit/s. What comes on top is dropped.
const maxWaiting = 4096

// datagram is on its way; send hands it on.
type datagram struct {
	due  time.Time
	n    uint64 // of two that are due at once the first goes first
	data []byte
	send func([]byte)
}

// way is one direction of the link: it holds datagrams until they are due.
type way struct {
	wake chan struct{} // holds one wake-up; more would tell the same

	mu      sync.Mutex
	course  course
	cut     bool
	count   uint64
	waiting queue
	stats   Stats
}

func newWay(seed uint64) *way {
	w := &way{wake: make(chan struct{}, 1)}
	w.course.random = rand.New(rand.NewPCG(seed, seed))
	return w
}

func (w *way) set(p Profile) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.course.path = p
}

func (w *way) setCut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		w.stats.Dropped += uint64(len(w.waiting))
		clear(w.waiting)
		w.waiting = w.waiting[:0]
	}
}

// take accepts a datagram at now, or drops it; data is copied.
func (w *way) take(now time.Time, data []byte, send func([]byte)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Datagrams++
	w.stats.Bytes += uint64(len(data))
	if w.cut || len(w.waiting) >= maxWaiting {
		w.stats.Dropped++
		return
	}
	due, ok := w.course.admit(now, len(data))
	if !ok {
		w.stats.Dropped++
		return
	}
	w.count++
	heap.Push(&w.waiting, datagram{due, w.count, append([]byte(nil), data...), send})
	if w.waiting[0].n == w.count { // it is the next one
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// next returns the datagram that is due at now, or else how long until there is one; 0 if none waits.
func (w *way) next(now time.Time) (d datagram, wait time.Duration, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return datagram{}, 0, false
	}
	if wait = w.waiting[0].due.Sub(now); wait > 0 {
		return datagram{}, wait, false
	}
	return heap.Pop(&w.waiting).(datagram), 0, true
}

// run hands on what is due until done is closed.
func (w *way) run(done <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		d, wait, ok := w.next(time.Now())
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
		case <-w.wake:
		case <-due:
		}
	}
}

func (w *way) snapshot() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// queue is a heap by the time they are due.
type queue []datagram

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q queue) Less(i, j int) bool {
	if !q[i].due.Equal(q[j].due) {
		return q[i].due.Before(q[j].due)
	}
	return q[i].n < q[j].n
}
func (q *queue) Push(x any) { *q = append(*q, x.(datagram)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	d := (*q)[last]
	(*q)[last] = datagram{}
	*q = (*q)[:last]
	return d
}
