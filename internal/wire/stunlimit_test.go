package wire

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// allowed passes n requests from each address to the limiter. All of them arrive when the time d has passed since the start
// of the limiter. allowed returns the total number of requests that the limiter allows.
func allowed(a *stunLimiter, d time.Duration, n int, addresses ...netip.Addr) int {
	admitted := 0
	for range n {
		for _, client := range addresses {
			if a.allow(client, a.start.Add(d)) {
				admitted++
			}
		}
	}
	return admitted
}

func TestSTUNRequestsOfOneAddressAreLimited(t *testing.T) {
	four, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	a := newSTUNLimiter()
	if n := allowed(a, 0, 10_000, four); n != sourceBurst {
		t.Errorf("%d of one address are allowed immediately, want %d", n, sourceBurst)
	}
	if n := allowed(a, 0, 300*20/10, other); n != 600 {
		t.Errorf("%d of another address are allowed, want all", n)
	}
	if n := allowed(a, time.Second, 10_000, four); n != sourceRate {
		t.Errorf("%d of one address are allowed after a second, want %d", n, sourceRate)
	}
	if n := allowed(a, time.Hour, 10_000, four, netip.MustParseAddr("::ffff:192.0.2.1")); n != sourceBurst {
		t.Errorf("%d of an address in two notations are allowed, want %d", n, sourceBurst)
	}
	network := []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2:3:4:5")}
	if n := allowed(a, 2*time.Hour, 10_000, network...); n != sourceBurst {
		t.Errorf("%d of an IPv6 network are allowed, want %d", n, sourceBurst)
	}
}

// An attacker who spoofs a new address for each request can use up the total rate, but cannot make the server use more
// memory.
func TestSTUNRequestsFromSpoofedAddressesAreLimited(t *testing.T) {
	a, admitted, seconds := newSTUNLimiter(), 0, 4
	for i := range seconds * 20_000 { // 20,000 each second
		from := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(i))))
		admitted += allowed(a, time.Duration(i)*50*time.Microsecond, 1, from)
		if len(a.sources) > maxSources {
			t.Fatalf("%d addresses are stored", len(a.sources))
		}
	}
	if most := totalBurst + seconds*totalRate; admitted > most || admitted < most-maxSources {
		t.Errorf("%d requests are allowed, want %d", admitted, most)
	}
	if n := allowed(a, time.Minute, 1, netip.MustParseAddr("192.0.2.1")); n != 1 {
		t.Error("no request is allowed afterwards")
	}
	if allocs := testing.AllocsPerRun(1000, func() { a.allow(netip.MustParseAddr("192.0.2.1"), a.start.Add(time.Hour)) }); allocs > 0 {
		t.Errorf("%v allocations for a request", allocs)
	}
}

// Only requests must be limited. Relayed data must always pass.
func TestSTUNConnDropsRequestsBeyondTheRateLimit(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", Options{})
	stun, from := c.STUNConn(), netip.MustParseAddrPort("192.0.2.1:1000")
	for name, tt := range map[string]struct {
		packet []byte
		all    bool
	}{
		"Binding":         {stunMessage(stunBinding), false},
		"Allocate":        {stunMessage(stunAllocate), false},
		"Send indication": {stunMessage(0x0016), true},
		"ChannelData":     {[]byte{0x40, 0x01, 0, 1, 9}, true},
	} {
		stun.limiter = newSTUNLimiter()
		before := c.Stats().RateLimited
		const sent = 2 * sourceBurst
		for range sent {
			if !stun.intercept(tt.packet, from) {
				t.Fatalf("%s is not STUN traffic", name)
			}
		}
		dropped := c.Stats().RateLimited - before
		if got := uint64(stun.queue.Count()) + dropped; got != sent || tt.all != (dropped == 0) {
			t.Errorf("%s: %d of %d are dropped, %d queued", name, dropped, sent, stun.queue.Count())
		}
		for stun.queue.Count() > 0 {
			if _, _, err := stun.ReadFrom(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := stun.Close(); err != nil {
		t.Error(err)
	}
}
