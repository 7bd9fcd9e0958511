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

// Item is one entry of a Queue. Its bytes count until the reader calls Done.
type Item[T any] struct {
	Value T
	size  int64
}

// Total counts the bytes in several queues together.
type Total struct{ bytes atomic.Int64 }

// Bytes returns the number of bytes in all queues that count into t.
func (t *Total) Bytes() int { return int(t.bytes.Load()) }

// New returns a queue that holds at most count items and limit bytes. If total is not nil, it includes the bytes of the
// queue. total does not limit the queue.
func New[T any](count, limit int, total *Total) *Queue[T] {
	return &Queue[T]{items: make(chan Item[T], count), limit: int64(limit), total: total}
}

// Put queues v and reports whether it fitted. size is the size of v in bytes. Put never blocks. While the queue's count of
// bytes is 0, Put ignores the limit in bytes.
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

// Bytes returns the total size of all items for which Done has not been called.
func (q *Queue[T]) Bytes() int { return int(q.bytes.Load()) }

// Done releases the bytes of an item that was received from Items.
func (q *Queue[T]) Done(i Item[T]) { q.release(i.size) }

// Drop discards all queued items and releases their bytes. It is used when a queue no longer has a reader.
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

// reserve adds n to the queue's count of bytes and returns the new count.
func (q *Queue[T]) reserve(n int64) int64 {
	if q.total != nil {
		q.total.bytes.Add(n)
	}
	return q.bytes.Add(n)
}

// release subtracts n from the queue's count of bytes.
func (q *Queue[T]) release(n int64) {
	q.bytes.Add(-n)
	if q.total != nil {
		q.total.bytes.Add(-n)
	}
}
