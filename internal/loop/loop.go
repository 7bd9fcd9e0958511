package loop

import (
	"context"
	"errors"
	"sync"
)

// ErrStopped is the error that Do returns after Stop, unless Options.StoppedErr is set.
var ErrStopped = errors.New("loop: stopped")

// Options configure a Loop. The zero value is usable.
type Options struct {
	StoppedErr error // returned by Do after Stop; nil means ErrStopped
	// OnPanic is called with the value of a panic in a closure. After that the loop continues. If OnPanic is nil, panics are
	// not recovered.
	OnPanic    func(any)
	AfterBatch func() // called after each batch of closures, on the loop; may be nil
}

// Loop runs closures one at a time on the goroutine that calls Run. Its queue is unbounded, because Post may neither drop a
// closure nor block. If Post could block, a closure that closes a connection and waits for the connection's goroutine would
// never return when that goroutine is blocked in Post.
type Loop struct {
	options Options
	wake    chan struct{} // capacity 1: signals that the queue may not be empty
	done    chan struct{} // closed when Run returns

	mu      sync.Mutex
	queue   []func()
	taken   int // number of closures that Run has removed from the queue but not yet started
	stopped bool
}

// New returns a Loop. Its owner has to call Run.
func New(o Options) *Loop {
	if o.StoppedErr == nil {
		o.StoppedErr = ErrStopped
	}
	return &Loop{options: o, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Post queues f and returns without waiting for it. After Stop, it returns false and f does not run.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	if l.stopped {
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

// Do runs f on the loop and waits until it has run. f must not block and must not call Do. If ctx ends first, Do returns the
// error of ctx, but f still runs later.
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
		case <-ran: // f was the last closure of the loop
			return nil
		default:
			return l.options.StoppedErr
		}
	case <-ctx.Done():
		select {
		case <-ran: // f, or a closure after it, canceled ctx
			return nil
		default:
			return ctx.Err()
		}
	}
}

// Len returns the number of closures that have not started.
func (l *Loop) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) + l.taken
}

// Done returns a channel that is closed when Run returns.
func (l *Loop) Done() <-chan struct{} { return l.done }

// Run runs queued closures until Stop has been called and the queue is empty.
func (l *Loop) Run() {
	defer close(l.done)
	for range l.wake {
		for {
			l.mu.Lock()
			batch := l.queue
			l.queue, l.taken = nil, len(batch)
			last := l.stopped && len(batch) == 0
			l.mu.Unlock()
			for _, f := range batch {
				l.mu.Lock()
				l.taken--
				l.mu.Unlock()
				l.call(f)
			}
			if last {
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

// call runs f and passes its panic to OnPanic, if that is set.
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

// Stop makes Run return after the closures that are already queued. Later calls of Post are refused. Stop does not wait, and
// may be called more than once.
func (l *Loop) Stop() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
