package loop

import (
	"context"
	"errors"
	"sync"
)

// ErrStopped is the error that Do returns once the loop has ended, unless Options name another.
var ErrStopped = errors.New("loop: it has ended")

// Options describe a Loop; the zero value is usable.
type Options struct {
	StoppedErr error     // what Do returns once the loop has ended; nil: ErrEnded
	OnPanic    func(any) // receives the value of a panic in a closure; nil lets it crash
	AfterBatch func()    // runs after each batch of closures; nil does nothing
}

// Loop runs closures one after another on one goroutine. Its queue is unbounded: callers of Post may neither wait nor
// drop, because the loop may be closing the very connection that calls.
type Loop struct {
	options Options
	wake    chan struct{} // holds one token when the queue may have something
	done    chan struct{} // closed when Run has returned

	mu     sync.Mutex
	queue  []func()
	taken  int // closures that Run has taken off the queue and not begun
	closed bool
}

// New makes a Loop; its owner has to call Run.
func New(o Options) *Loop {
	if o.StoppedErr == nil {
		o.StoppedErr = ErrStopped
	}
	return &Loop{options: o, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Post queues f and returns at once; false means the loop has ended and f will not run.
func (l *Loop) Post(f func()) bool {
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

// Do runs f on the loop and waits for it. f must not block and must not call Do.
func (l *Loop) Do(ctx context.Context, f func()) error {
	ran := make(chan struct{})
	if !l.Post(func() { f(); close(ran) }) {
		return l.options.StoppedErr
	}
	select {
	case <-ran:
		return nil
	case <-l.done:
		select {
		case <-ran: // it was the last thing the loop did
			return nil
		default:
			return l.options.StoppedErr
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

// Len returns the number of closures that have not begun.
func (l *Loop) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) + l.taken
}

// Done returns a channel that is closed when Run has returned.
func (l *Loop) Done() <-chan struct{} { return l.done }

// Run executes what is queued until Stop has been called and the queue is empty.
func (l *Loop) Run() {
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
			if l.options.AfterBatch != nil {
				l.call(l.options.AfterBatch)
			}
		}
	}
}

func (l *Loop) call(f func()) {
	if l.options.OnPanic != nil {
		defer func() {
			if v := recover(); v != nil {
				l.options.OnPanic(v)
			}
		}()
	}
	f()
}

// Stop lets Run return once it has run what is queued; later posts are refused.
func (l *Loop) Stop() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
