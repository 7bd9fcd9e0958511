package peer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// parseAll parses IP addresses.
func parseAll(texts ...string) (all []netip.Addr) {
	for _, s := range texts {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

func TestEachClientIsOfferedTheAddressesThatItMayReach(t *testing.T) {
	own := []string{"192.168.1.7", "2001:db8::7"}
	for name, c := range map[string]struct {
		bound    string
		public   []string
		serverIP string
		loopback bool
		want     []string
	}{
		"default":                       {bound: "::", want: own},
		"client on this machine":        {bound: "::", loopback: true, want: []string{"127.0.0.1", "192.168.1.7", "2001:db8::7"}},
		"public addresses":              {bound: "::", public: []string{"203.0.113.9", "2001:db8::9"}, want: append(own, "203.0.113.9", "2001:db8::9")},
		"public address of this host":   {bound: "::", public: []string{"2001:db8::7"}, want: own},
		"public address is loopback":    {bound: "::", public: []string{"127.0.0.1"}, want: append(own, "127.0.0.1")},
		"address that the client used":  {bound: "::", serverIP: "203.0.113.9", want: append(own, "203.0.113.9")},
		"both":                          {bound: "::", public: []string{"203.0.113.8"}, serverIP: "10.0.0.9", want: append(own, "10.0.0.9", "203.0.113.8")},
		"client used loopback":          {bound: "::", serverIP: "127.0.0.1", want: own},
		"client used link-local":        {bound: "::", serverIP: "fe80::1%eth0", want: own},
		"client used a mapped address":  {bound: "::", serverIP: "::ffff:203.0.113.9", want: append(own, "203.0.113.9")},
		"only IPv4":                     {bound: "0.0.0.0", public: []string{"203.0.113.9", "2001:db8::9"}, loopback: true, want: []string{"127.0.0.1", "192.168.1.7", "203.0.113.9"}},
		"bound to one address":          {bound: "192.168.1.7", public: []string{"203.0.113.9", "2001:db8::9"}, want: []string{"192.168.1.7", "203.0.113.9"}},
		"bound to IPv6":                 {bound: "2001:db8::7", public: []string{"203.0.113.9", "2001:db8::9"}, want: []string{"2001:db8::7", "2001:db8::9"}},
		"bound to loopback":             {bound: "127.0.0.1", want: []string{"127.0.0.1"}},
		"bound to IPv6 loopback":        {bound: "::1", serverIP: "::1", loopback: true, want: []string{"::1"}},
		"bound to IPv4 and mapped IPv6": {bound: "::ffff:192.168.1.7", want: []string{"192.168.1.7"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &Engine{bound: netip.AddrPortFrom(netip.MustParseAddr(c.bound), 8080), usable: func() ([]netip.Addr, error) { return parseAll(own...), nil }}
			e.options.Public = func() []netip.Addr { return parseAll(c.public...) }
			o := Options{Loopback: c.loopback}
			if c.serverIP != "" {
				o.ServerIP = netip.MustParseAddr(c.serverIP)
			}
			if got := e.addresses(o); !slices.Equal(got, parseAll(c.want...)) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// candidate is a line of SDP in the form that Pion writes.
func candidate(transport string, priority int, address string) string {
	return fmt.Sprintf("a=candidate:1 1 %s %d %s 8080 typ host", transport, priority, address)
}

func TestPrioritiesFollowTheOrderOfTheAddresses(t *testing.T) {
	const udp, tcp = 126<<24 | 65535<<8 | 255, 126<<24 | 40959<<8 | 255 // as Pion computes them
	before := []string{
		"v=0", candidate("udp", udp, "2001:db8::7"), candidate("udp", udp, "192.168.1.7"), candidate("udp", udp, "203.0.113.9"),
		candidate("tcp", tcp, "203.0.113.9"), candidate("udp", udp, "198.51.100.1"), "a=candidate:1 1 udp", "a=end-of-candidates", "",
	}
	want := slices.Clone(before)
	want[1], want[3], want[4] = candidate("udp", udp-256, "2001:db8::7"), candidate("udp", udp-512, "203.0.113.9"), candidate("tcp", tcp-512, "203.0.113.9")
	o := &offeredAddresses{}
	if got := o.prioritize(strings.Join(before, "\r\n")); got != strings.Join(before, "\r\n") {
		t.Errorf("without addresses:\n%s", got)
	}
	chosen := parseAll("192.168.1.7", "2001:db8::7", "203.0.113.9")
	o.chosen.Store(&chosen)
	if got := o.prioritize(strings.Join(before, "\r\n")); got != strings.Join(want, "\r\n") {
		t.Errorf("%s\nwant:\n%s", got, strings.Join(want, "\r\n"))
	}
}
