package wire

import (
	"net/netip"
	"sync"
	"time"
)

// Bounds of connectivity checks (RFC 8445, section 7.2.4) to addresses that nothing has come from. A client names the
// addresses that are checked, so they may be those of somebody else, and a check is larger than what names an address.
// Checks are not vital: clients check themselves, and what they send is answered.
const (
	// maxConnChecks bounds those of one connection until ICE is restarted: some ten candidates, each some times.
	maxConnChecks = 100
	// checkRate and checkBurst bound those of the server, each second and at once: 56 kB/s.
	checkRate, checkBurst = 500, 4000
)

// checkLimiter is the bucket of a server's checkLimiter.
type checkLimiter struct {
	start time.Time

	mu     sync.Mutex
	bucket bucket
}

func (c *checkLimiter) allow(at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bucket.take(at.Sub(c.start), checkRate, checkBurst)
}

// allowCheck reports whether c may send a check to an address: always if something has come from there for it, else a
// bounded number.
func (m *UDPMux) allowCheck(c *UDPMuxedConn, a netip.AddrPort) bool {
	m.mu.RLock()
	o := m.owners[unmapped(a)]
	heard := o != nil && o.received.Load()
	m.mu.RUnlock()
	return heard || c.checks.Add(1) <= maxConnChecks && m.checks.allow(m.now())
}

// markReceived notes that something has come from the owner's address.
func (o *addressOwner) markReceived() {
	if !o.received.Load() { // most packets are not the first, and a load is cheaper than a store
		o.received.Store(true)
	}
}
