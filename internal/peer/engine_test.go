package peer

import (
	"net"
	"net/netip"
	"slices"
	"testing"
)

// addressMux is a UDPMux that lists the given addresses.
type addressMux struct {
	UDPMux
	addresses []string
}

// GetListenAddresses returns the addresses, with port 8080.
func (m addressMux) GetListenAddresses() []net.Addr {
	var all []net.Addr
	for _, a := range m.addresses {
		all = append(all, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(a), 8080)))
	}
	return all
}

func TestOnlyUsableLocalAddressesBecomeICECandidates(t *testing.T) {
	all := []string{"127.0.0.1", "::1", "192.0.2.7", "fe80::1", "2001:db8::7"}
	for name, c := range map[string]struct {
		bound     string
		addresses []string
		node      string
		loopback  bool
		want      []string
	}{
		"default":                               {"::", all, "", false, []string{"192.0.2.7", "2001:db8::7"}},
		"client on this machine":                {"::", all, "", true, []string{"127.0.0.1", "192.0.2.7", "2001:db8::7"}},
		"NodeIP is not of this machine":         {"::", all, "203.0.113.9", false, []string{"192.0.2.7", "2001:db8::7"}},
		"NodeIP is of this machine":             {"::", all, "127.0.0.1", true, []string{"127.0.0.1"}},
		"bound to IPv6 loopback":                {"::1", []string{"::1"}, "", true, []string{"::1"}},
		"bound to an address other than NodeIP": {"192.0.2.7", []string{"192.0.2.7"}, "127.0.0.1", false, []string{"192.0.2.7"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &Engine{bound: netip.MustParseAddr(c.bound)}
			if c.node != "" {
				e.options.NodeIP = netip.MustParseAddr(c.node)
			}
			var got []string
			for _, a := range (filteredUDPMux{addressMux{addresses: c.addresses}, e, c.loopback, newRTCPSenders()}).GetListenAddresses() {
				got = append(got, a.(*net.UDPAddr).IP.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
