package webhook

import "context"

// Stats are a Notifier's figures of the moment.
type Stats struct {
	Pending     int // deliveries that receivers have yet to take
	DeadLetters int // events that were put aside because a receiver never took them
}

// Stats looks at the queues; what cannot be told before ctx ends is 0.
func (n *Notifier) Stats(ctx context.Context) Stats {
	n.mu.Lock()
	s := Stats{Pending: len(n.unstored) * len(n.endpoints)}
	n.mu.Unlock()
	if pending, err := n.queue.Pending(ctx); err == nil {
		s.Pending += pending
	}
	if aside, err := n.deadLetters.Len(ctx); err == nil {
		s.DeadLetters = aside
	}
	return s
}
