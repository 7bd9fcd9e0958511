package sfu

import (
	"slices"
	"sync"
	"time"
)

// periodic calls a function at an interval, with the members of the moment: from the first Add until Close.
type periodic[T comparable] struct {
	every time.Duration
	call  func(now time.Time, members []T)
	stop  chan struct{}
	once  sync.Once
	wg    sync.WaitGroup

	mu      sync.Mutex
	members []T // copied on change, so that call may keep it
	started bool
}

func newPeriodic[T comparable](every time.Duration, call func(time.Time, []T)) *periodic[T] {
	return &periodic[T]{every: every, call: call, stop: make(chan struct{})}
}

// Add includes m from now on.
func (p *periodic[T]) Add(m T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members = append(slices.Clone(p.members), m)
	if !p.started {
		p.started = true
		p.wg.Go(p.run) // ends with Close
	}
}

// Remove leaves m out from now on.
func (p *periodic[T]) Remove(m T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.members = slices.DeleteFunc(slices.Clone(p.members), func(x T) bool { return x == m })
}

// Close ends the calls and waits for the one under way.
func (p *periodic[T]) Close() {
	p.once.Do(func() { close(p.stop) })
	p.wg.Wait()
}

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
