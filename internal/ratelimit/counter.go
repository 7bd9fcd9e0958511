package ratelimit

import (
	"sync"

	"meet/internal/source"
)

// Bounds are the bounds of a Counter, and the errors of exceeding them.
type Bounds struct {
	Total, PerClient       int
	ErrTotal, ErrPerClient error
}

// Counter counts what clients use at the same time, such as connections or bytes.
type Counter struct {
	bounds Bounds

	mu        sync.Mutex
	total     int
	perClient map[string]int // entries are positive
}

// NewCounter returns a Counter of nothing.
func NewCounter(b Bounds) *Counter { return &Counter{bounds: b, perClient: map[string]int{}} }

// Add adds n to the counts of the client at an address and of all clients. If a bound would be exceeded, it adds nothing and
// returns an error. If address is "", only the total counts. Remove has to be called with the same arguments later.
func (c *Counter) Add(address string, n int) error {
	client := source.Key(address)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.checkLocked(client, n); err != nil {
		return err
	}
	c.total += n
	if client != "" {
		c.perClient[client] += n
	}
	return nil
}

// Check returns the error that Add would return, and adds nothing.
func (c *Counter) Check(address string, n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.checkLocked(source.Key(address), n)
}

// checkLocked returns an error if adding n to the counts of a client would exceed a bound.
func (c *Counter) checkLocked(client string, n int) error {
	switch {
	case client != "" && c.perClient[client]+n > c.bounds.PerClient:
		return c.bounds.ErrPerClient
	case c.total+n > c.bounds.Total:
		return c.bounds.ErrTotal
	}
	return nil
}

// Remove subtracts n from the counts.
func (c *Counter) Remove(address string, n int) {
	client := source.Key(address)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total -= n
	if client == "" {
		return
	}
	if c.perClient[client] -= n; c.perClient[client] == 0 {
		delete(c.perClient, client)
	}
}

// Total returns the count of all clients.
func (c *Counter) Total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}
