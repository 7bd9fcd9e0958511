// Package bytequeue provides a channel that is bounded by the total size of its items in bytes as well as by their number.
package bytequeue

import "sync/atomic"

// Queue is a bounded queue with one reader. Its methods may be called from any goroutine.
type Queue[T any] struct {
	items chan Item[T]
	limit int64
	total *Total
	bytes atomic.Int64
}

// Item is one entry of a Queue. Its bytes count against the limits until the reader calls Done.
type Item[T any] struct {
	Value T
	size  int64
}

// Total counts the bytes in several queues together.
type Total struct{ bytes atomic.Int64 }

// Bytes returns the number of bytes in all queues of t.
func (t *Total) Bytes() int { return int(t.bytes.Load()) }

// New returns a queue that holds at most count items and limit bytes. If total is not nil, the queue's bytes are added to
// it; total is only a count, not a limit.
func New[T any](count, limit int, total *Total) *Queue[T] {
	return &Queue[T]{items: make(chan Item[T], count), limit: int64(limit), total: total}
}

// Put queues v, whose size is size bytes, and reports whether it fitted. It never blocks. If no bytes are queued, Put
// accepts an item of any size.
func (q *Queue[T]) Put(v T, size int) bool {
	n := int64(size)
	if queued := q.reserve(n); queued > q.limit && queued != n {
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

// Items returns the channel of queued items, oldest first. The receiver calls Done for each item.
func (q *Queue[T]) Items() <-chan Item[T] { return q.items }

// Len returns the number of queued items.
func (q *Queue[T]) Len() int { return len(q.items) }

// Bytes returns the number of bytes of all items for which Done has not been called.
func (q *Queue[T]) Bytes() int { return int(q.bytes.Load()) }

// Done releases the bytes of an item that was received from Items.
func (q *Queue[T]) Done(i Item[T]) { q.release(i.size) }

// Drop discards all queued items and releases their bytes. It is for queues that no longer have a reader.
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

// reserve counts n more bytes and returns the resulting number of bytes of the queue.
func (q *Queue[T]) reserve(n int64) int64 {
	if q.total != nil {
		q.total.bytes.Add(n)
	}
	return q.bytes.Add(n)
}

// release uncounts n bytes.
func (q *Queue[T]) release(n int64) {
	q.bytes.Add(-n)
	if q.total != nil {
		q.total.bytes.Add(-n)
	}
}
