package webhook

import "context"

// Stats holds a Notifier's current numbers.
type Stats struct {
	Pending     int // deliveries that receivers have not accepted yet
	DeadLetters int // deliveries that a receiver did not accept in time
}

// Stats returns the current numbers. A number that cannot be read from the store before ctx ends is 0.
func (n *Notifier) Stats(ctx context.Context) Stats {
	n.mu.Lock()
	s := Stats{Pending: len(n.unstored) * len(n.endpoints)}
	n.mu.Unlock()
	if pending, err := n.queue.Pending(ctx); err == nil {
		s.Pending += pending
	}
	if count, err := n.deadLetters.Len(ctx); err == nil {
		s.DeadLetters = count
	}
	return s
}
