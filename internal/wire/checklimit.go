package wire

import (
	"net/netip"
	"sync"
	"time"
)

// Limits of connectivity checks (RFC 8445, section 7.2.4) to addresses from which nothing has been received. A client
// chooses the addresses that the server checks, so an attacker can choose the address of a victim. Without limits, this
// would amplify the attacker's traffic, because a check is larger than the candidate that causes it. The server does not
// depend on these checks: clients send checks themselves, and the server always answers them.
const (
	// maxConnChecks bounds the checks of one connection until ICE restarts. It allows a few checks for each of about ten
	// candidates.
	maxConnChecks = 100
	// checkRate (tokens per second) and checkBurst are the parameters of the token bucket that all connections share. They
	// limit checks to 56 KB/s in the long run.
	checkRate, checkBurst = 500, 4000
)

// checkLimiter limits the checks of all connections of a UDPMux.
type checkLimiter struct {
	start time.Time

	mu     sync.Mutex
	bucket bucket
}

// allow reports whether a check may be sent at the time now. If so, it counts the check.
func (c *checkLimiter) allow(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bucket.take(now.Sub(c.start), checkRate, checkBurst)
}

// allowCheck reports whether c may send a connectivity check to addr. Checks to an address from which something has been
// received are always allowed; otherwise the limits apply.
func (m *UDPMux) allowCheck(c *UDPMuxedConn, addr netip.AddrPort) bool {
	m.mu.RLock()
	o := m.owners[unmapped(addr)]
	received := o != nil && o.received.Load()
	m.mu.RUnlock()
	return received || c.checks.Add(1) <= maxConnChecks && m.checks.allow(m.now())
}

// markReceived records that something has been received from the owner's address.
func (o *addressOwner) markReceived() {
	if !o.received.Load() { // a load is cheaper than a store, and nearly always true
		o.received.Store(true)
	}
}
