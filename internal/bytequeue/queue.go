// Package bytequeue is a channel that is bounded by the bytes of what waits in it, not only by their count.
package bytequeue

import "sync/atomic"

// Queue is what waits for one reader. Its methods may be called from any goroutine.
type Queue[T any] struct {
	items chan Item[T]
	limit int64
	total *Total
	bytes atomic.Int64
}

// Item is one entry of a queue. The reader calls Done once it needs no place any more.
type Item[T any] struct {
	Value T
	size  int64
}

// Total bounds the bytes of several queues together.
type Total struct {
	limit int64
	bytes atomic.Int64
}

// NewTotal returns a Total of so many bytes.
func NewTotal(limit int) *Total { return &Total{limit: int64(limit)} }

// New returns a queue of at most count entries and limit bytes. total may be nil.
func New[T any](count, limit int, total *Total) *Queue[T] {
	return &Queue[T]{items: make(chan Item[T], count), limit: int64(limit), total: total}
}

// Put queues v, which takes size bytes, and reports whether there was room for it. An empty queue takes one entry of any
// size. It never blocks.
func (q *Queue[T]) Put(v T, size int) bool {
	n := int64(size)
	if !q.take(n) {
		q.release(n)
		return false
	}
	select {
	case q.items <- Item[T]{v, n}:
		return true
	default:
		q.release(n)
		return false
	}
}

// Items returns the entries, the oldest first. Whoever receives one calls Done.
func (q *Queue[T]) Items() <-chan Item[T] { return q.items }

// Len is the number of entries that wait.
func (q *Queue[T]) Len() int { return len(q.items) }

// Done gives back the room of an entry that was received.
func (q *Queue[T]) Done(i Item[T]) { q.release(i.size) }

// Drop discards what waits, when nobody reads any more.
func (q *Queue[T]) Drop() {
	for {
		select {
		case i := <-q.items:
			q.Done(i)
		default:
			return
		}
	}
}

// take counts n bytes and reports whether they are within all bounds.
func (q *Queue[T]) take(n int64) bool {
	waiting, total := q.bytes.Add(n), int64(0)
	if q.total != nil {
		total = q.total.bytes.Add(n) - q.total.limit
	}
	return (waiting <= q.limit || waiting == n) && total <= 0
}

func (q *Queue[T]) release(n int64) {
	q.bytes.Add(-n)
	if q.total != nil {
		q.total.bytes.Add(-n)
	}
}
