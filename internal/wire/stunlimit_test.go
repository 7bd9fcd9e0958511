package wire

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// asked lets that many requests come from each address at a time, and returns how many of each are admitted.
func asked(a *stunLimiter, at time.Duration, count int, addresses ...netip.Addr) int {
	admitted := 0
	for range count {
		for _, from := range addresses {
			if a.allow(from, a.start.Add(at)) {
				admitted++
			}
		}
	}
	return admitted
}

func TestAskersOfOneAddressAreLimited(t *testing.T) {
	four, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	a := newSTUNLimiter()
	if n := asked(a, 0, 10_000, four); n != sourceBurst {
		t.Errorf("%d of one address are admitted at once, want %d", n, sourceBurst)
	}
	if n := asked(a, 0, 300*20/10, other); n != 600 {
		t.Errorf("%d of another are admitted, want all", n)
	}
	if n := asked(a, time.Second, 10_000, four); n != sourceRate {
		t.Errorf("%d of one address are admitted a second later, want %d", n, sourceRate)
	}
	if n := asked(a, time.Hour, 10_000, four, netip.MustParseAddr("::ffff:192.0.2.1")); n != sourceBurst {
		t.Errorf("%d of an address in two forms are admitted, want %d", n, sourceBurst)
	}
	network := []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2:3:4:5")}
	if n := asked(a, 2*time.Hour, 10_000, network...); n != sourceBurst {
		t.Errorf("%d of an IPv6 network are admitted, want %d", n, sourceBurst)
	}
}

// TestSpoofedAskersAreBounded: with a new address for each request, a stranger uses up the total and no memory.
func TestSpoofedAskersAreBounded(t *testing.T) {
	a, admitted, seconds := newSTUNLimiter(), 0, 4
	for i := range seconds * 20_000 { // 20,000 each second
		from := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(i))))
		admitted += asked(a, time.Duration(i)*50*time.Microsecond, 1, from)
		if len(a.sources) > maxSources {
			t.Fatalf("%d addresses are kept", len(a.sources))
		}
	}
	if most := totalBurst + seconds*totalRate; admitted > most || admitted < most-maxSources {
		t.Errorf("%d are admitted, want %d", admitted, most)
	}
	if n := asked(a, time.Minute, 1, netip.MustParseAddr("192.0.2.1")); n != 1 {
		t.Error("nobody is admitted afterwards")
	}
	if allocs := testing.AllocsPerRun(1000, func() { a.allow(netip.MustParseAddr("192.0.2.1"), a.start.Add(time.Hour)) }); allocs > 0 {
		t.Errorf("%v allocations for a request", allocs)
	}
}

// TestAsideDropsRequestsThatComeTooFast: requests are limited, and what is relayed is not.
func TestAsideDropsRequestsThatComeTooFast(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", Options{})
	aside, from := c.STUNConn(), netip.MustParseAddrPort("192.0.2.1:1000")
	for name, kept := range map[string]struct {
		packet []byte
		all    bool
	}{
		"Binding":         {stunMessage(stunBinding), false},
		"Allocate":        {stunMessage(stunAllocate), false},
		"Send indication": {stunMessage(0x0016), true},
		"ChannelData":     {[]byte{0x40, 0x01, 0, 1, 9}, true},
	} {
		aside.limiter = newSTUNLimiter()
		before := c.Stats().RateLimited
		const sent = 2 * sourceBurst
		for range sent {
			if !aside.intercept(kept.packet, from) {
				t.Fatalf("%s is not the Aside's", name)
			}
		}
		dropped := c.Stats().RateLimited - before
		if got := uint64(aside.queue.Count()) + dropped; got != sent || kept.all != (dropped == 0) {
			t.Errorf("%s: %d of %d are dropped, %d kept", name, dropped, sent, aside.queue.Count())
		}
		for aside.queue.Count() > 0 {
			if _, _, err := aside.ReadFrom(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := aside.Close(); err != nil {
		t.Error(err)
	}
}
