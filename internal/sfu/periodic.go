package sfu

import (
	"slices"
	"sync"
	"time"
)

// periodic calls a function once per interval and passes it the current members. The calls start with the first Add and
// end with Close.
type periodic[T comparable] struct {
	every time.Duration
	call  func(now time.Time, members []T)
	stop  chan struct{}
	once  sync.Once
	wg    sync.WaitGroup

	mu      sync.Mutex
	members []T // replaced on change, so call may use the slice without a lock
	started bool
}

// newPeriodic returns a periodic without members. It will call f once per interval.
func newPeriodic[T comparable](interval time.Duration, f func(time.Time, []T)) *periodic[T] {
	return &periodic[T]{every: interval, call: f, stop: make(chan struct{})}
}

// Add adds m to the members, and starts the calls if it is the first.
func (p *periodic[T]) Add(m T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members = append(slices.Clone(p.members), m)
	if !p.started {
		p.started = true
		p.wg.Go(p.run) // ends with Close
	}
}

// Remove removes m from the members. A call in progress may still use it.
func (p *periodic[T]) Remove(m T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members = slices.DeleteFunc(slices.Clone(p.members), func(x T) bool { return x == m })
}

// Close ends the calls and waits for a call in progress.
func (p *periodic[T]) Close() {
	p.once.Do(func() { close(p.stop) })
	p.wg.Wait()
}

// run calls p.call once per interval until Close.
func (p *periodic[T]) run() {
	t := time.NewTicker(p.every)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case now := <-t.C:
			p.mu.Lock()
			members := p.members
			p.mu.Unlock()
			p.call(now, members)
		}
	}
}
