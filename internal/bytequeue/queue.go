// Package bytequeue is a channel that is bounded by the bytes of what waits in it, not only by their count.
package bytequeue

import "sync/atomic"

// Queue is a bounded channel to one reader. Its methods may be called from any goroutine.
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

// Total counts the bytes that wait in several queues.
type Total struct{ bytes atomic.Int64 }

// Bytes is how many wait.
func (t *Total) Bytes() int { return int(t.bytes.Load()) }

// New returns a queue of at most count entries and limit bytes, which count in total too. total may be nil.
func New[T any](count, limit int, total *Total) *Queue[T] {
	return &Queue[T]{items: make(chan Item[T], count), limit: int64(limit), total: total}
}

// Put queues v, which takes size bytes, and reports whether there was room for it. An empty queue takes one entry of any
// size. It never blocks.
func (q *Queue[T]) Put(v T, size int) bool {
	n := int64(size)
	if waiting := q.take(n); waiting > q.limit && waiting != n {
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

// Bytes is how many bytes wait.
func (q *Queue[T]) Bytes() int { return int(q.bytes.Load()) }

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

// take counts n bytes and returns how many wait with them.
func (q *Queue[T]) take(n int64) int64 {
	if q.total != nil {
		q.total.bytes.Add(n)
	}
	return q.bytes.Add(n)
}

func (q *Queue[T]) release(n int64) {
	q.bytes.Add(-n)
	if q.total != nil {
		q.total.bytes.Add(-n)
	}
}
