package wire

import (
	"net/netip"
	"sync"
	"time"

	"meet/internal/netaddr"
	"meet/internal/source"
)

// ConnLimits bound the open TCP connections of one protocol.
type ConnLimits struct {
	Total      int // all client addresses together
	PerAddress int // each public IPv4 address or IPv6 /56; see ProtocolMuxOptions.IsProxy
}

// Default limits. One address may belong to a carrier-grade NAT (RFC 6598) or a school with hundreds of participants. Each
// participant opens up to seven HTTP connections at the same time. Its browser opens up to two TURN connections, with and
// without TLS, for each of its two peer connections, and, where UDP is blocked, a few ICE connections. So the 2,000 guests
// that the rooms accept from one address open up to 8,000 TURN connections. The total for TURN is the maximum number of
// relays of the TURN server, because each connection has at most one.
var (
	defaultHTTP = ConnLimits{Total: 16384, PerAddress: 4096}
	defaultTURN = ConnLimits{Total: 16384, PerAddress: 8192}
	defaultICE  = ConnLimits{Total: 16384, PerAddress: 2048}
)

// refusedReportInterval is the minimum time between two calls of OnRefused for one protocol.
const refusedReportInterval = time.Minute

// connCounter counts the open connections of one protocol and applies the ConnLimits of that protocol.
type connCounter struct {
	protocol  string
	limits    ConnLimits
	onRefused func(protocol string, total uint64) // may be nil
	isProxy   func(netip.Addr) bool               // may be nil
	now       func() time.Time

	mu         sync.Mutex
	open       int
	byAddress  map[netip.Prefix]int
	refused    uint64
	lastReport time.Time
}

// newConnCounter returns a counter for a protocol with limits, or with defaults if limits is zero.
func newConnCounter(protocol string, limits, defaults ConnLimits, o ProtocolMuxOptions) *connCounter {
	if limits == (ConnLimits{}) {
		limits = defaults
	}
	return &connCounter{protocol: protocol, limits: limits, onRefused: o.OnRefused, isProxy: o.IsProxy, now: time.Now, byAddress: map[netip.Prefix]int{}}
}

// acquire counts a connection from the address client and reports whether the limits allow it. If it returns true, the
// caller has to call release when the connection ends. If it returns false, the connection has to be closed.
func (c *connCounter) acquire(client netip.Addr) bool {
	network := source.Prefix(client)
	c.mu.Lock()
	if c.open < c.limits.Total && (c.maybeProxy(client) || c.byAddress[network] < c.limits.PerAddress) {
		c.open++
		c.byAddress[network]++
		c.mu.Unlock()
		return true
	}
	c.refused++
	total, now := c.refused, c.now()
	due := now.Sub(c.lastReport) >= refusedReportInterval
	if due {
		c.lastReport = now
	}
	c.mu.Unlock()
	if due && c.onRefused != nil {
		c.onRefused(c.protocol, total)
	}
	return false
}

// release decrements the counts that acquire has incremented for a connection.
func (c *connCounter) release(client netip.Addr) {
	network := source.Prefix(client)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.byAddress[network]--; c.byAddress[network] == 0 {
		delete(c.byAddress, network)
	}
}

// maybeProxy reports whether addr may be a reverse proxy. If so, PerAddress does not apply to addr.
func (c *connCounter) maybeProxy(addr netip.Addr) bool {
	addr = addr.Unmap()
	return c.isProxy != nil && c.isProxy(addr) || !netaddr.IsPublic(addr)
}
