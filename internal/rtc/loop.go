package rtc

import (
	"context"
	"sync"

	"meet/internal/fault"
)

var errRoomClosed = fault.New(fault.Unavailable, "the meeting has just ended; join again to start a new one")

// loop runs closures one after another on one goroutine. Its queue is the one unbounded queue of the server: those who
// post may neither wait nor drop, because the loop may be closing the very connection that calls.
type loop struct {
	mu     sync.Mutex
	queue  []func()
	taken  int // closures that run has taken off the queue and not begun
	closed bool

	wake chan struct{} // holds one token when the queue may have something
	done chan struct{} // closed when run has returned

	failed func(any) // told of a panic in a closure; nil lets it crash
	after  func()    // runs after each batch of closures; nil does nothing
}

func newLoop() *loop { return &loop{wake: make(chan struct{}, 1), done: make(chan struct{})} }

// post queues f and returns at once; false means the loop has ended and f will not run.
func (l *loop) post(f func()) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.queue = append(l.queue, f)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return true
}

// do runs f on the loop and waits for it. f must not block and must not call do.
func (l *loop) do(ctx context.Context, f func()) error {
	ran := make(chan struct{})
	if !l.post(func() { f(); close(ran) }) {
		return errRoomClosed
	}
	select {
	case <-ran:
		return nil
	case <-l.done:
		select {
		case <-ran: // it was the last thing the loop did
			return nil
		default:
			return errRoomClosed
		}
	case <-ctx.Done():
		select {
		case <-ran: // what f did, or what ran after it, ended ctx
			return nil
		default:
			return ctx.Err()
		}
	}
}

// waiting is the number of closures that have not begun.
func (l *loop) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) + l.taken
}

// run executes what is queued until stop has been called and the queue is empty.
func (l *loop) run() {
	defer close(l.done)
	for range l.wake {
		for {
			l.mu.Lock()
			batch := l.queue
			l.queue, l.taken = nil, len(batch)
			ended := l.closed && len(batch) == 0
			l.mu.Unlock()
			for _, f := range batch {
				l.mu.Lock()
				l.taken--
				l.mu.Unlock()
				l.call(f)
			}
			if ended {
				return
			}
			if len(batch) == 0 {
				break
			}
			if l.after != nil {
				l.call(l.after)
			}
		}
	}
}

func (l *loop) call(f func()) {
	if l.failed != nil {
		defer func() {
			if v := recover(); v != nil {
				l.failed(v)
			}
		}()
	}
	f()
}

// stop lets run return once it has run what is queued; later posts are refused.
func (l *loop) stop() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
