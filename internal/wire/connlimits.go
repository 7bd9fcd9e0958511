package wire

import (
	"net/netip"
	"sync"
	"time"

	"meet/internal/source"
)

// ConnLimits bounds the open connections of one kind.
type ConnLimits struct {
	Total      int // of all addresses together
	PerAddress int // of one public IPv4 address or IPv6 /56
}

// Defaults. Behind one address may be the carrier-grade NAT or the school of hundreds of participants, each of whom opens up to
// seven connections of HTTP at once, and a few of TURN or ICE where UDP is blocked.
var (
	defaultHTTP = ConnLimits{Total: 16384, PerAddress: 4096}
	defaultTURN = ConnLimits{Total: 4096, PerAddress: 512}
	defaultICE  = ConnLimits{Total: 16384, PerAddress: 2048}
)

// refusedReportInterval is the least time between two reports of refused connections of one kind.
const refusedReportInterval = time.Minute

// connCounter counts the open connections of one kind.
type connCounter struct {
	protocol  string
	limits    ConnLimits
	onRefused func(kind string, total uint64) // may be nil
	isProxy   func(netip.Addr) bool           // may be nil
	now       func() time.Time

	mu         sync.Mutex
	open       int
	byAddress  map[netip.Prefix]int
	refused    uint64
	lastReport time.Time
}

func newConnCounter(kind string, quota, usual ConnLimits, o ProtocolMuxOptions) *connCounter {
	if quota == (ConnLimits{}) {
		quota = usual
	}
	return &connCounter{protocol: kind, limits: quota, onRefused: o.OnRefused, isProxy: o.IsProxy, now: time.Now, byAddress: map[netip.Prefix]int{}}
}

// acquire counts a connection from a and reports whether there may be one more. If so, the caller calls leave when it ends.
func (c *connCounter) acquire(a netip.Addr) bool {
	network := source.Prefix(a)
	c.mu.Lock()
	if c.open < c.limits.Total && (c.maybeProxy(a) || c.byAddress[network] < c.limits.PerAddress) {
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

// release ends what enter began.
func (c *connCounter) release(a netip.Addr) {
	network := source.Prefix(a)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.byAddress[network]--; c.byAddress[network] == 0 {
		delete(c.byAddress, network)
	}
}

// carrierGradeNAT is the address range inside carrier-grade NAT (RFC 6598), which private networks use too.
var carrierGradeNAT = netip.MustParsePrefix("100.64.0.0/10")

// maybeProxy reports whether a may be a reverse proxy that carries the connections of everybody.
func (c *connCounter) maybeProxy(a netip.Addr) bool {
	a = a.Unmap()
	return c.isProxy != nil && c.isProxy(a) || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || carrierGradeNAT.Contains(a)
}
