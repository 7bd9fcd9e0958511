package webhook

import (
	"net/netip"
	"testing"
)

func TestIsPrivateReportsReservedAddresses(t *testing.T) {
	for _, block := range []struct {
		name    string
		private bool
		of      []string
	}{
		{"public", false, []string{"8.8.8.8", "1.1.1.1", "198.17.255.255", "198.20.0.0", "192.0.1.0", "223.255.255.255", "2606:4700::1", "2a00:1450::1", "2001:200::1"}},
		{"loopback", true, []string{"127.0.0.1", "127.255.255.255", "::1"}},
		{"private use", true, []string{"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "fc00::1", "fd00::1"}},
		{"link-local", true, []string{"169.254.169.254", "fe80::1", "febf::1", "fec0::1", "fe80::1%eth0", "fe80::5efe:8.8.8.8", "2606:4700::1%eth0"}},
		{"this network", true, []string{"0.0.0.0", "0.1.2.3", "::"}},
		{"carrier-grade NAT", true, []string{"100.64.0.1", "100.127.255.255"}},
		{"protocol assignments", true, []string{"192.0.0.1", "192.0.0.170", "2001:1::1"}},
		{"6to4 relays", true, []string{"192.88.99.1"}},
		{"benchmarks", true, []string{"198.18.0.1", "198.19.255.255", "2001:2::1"}},
		{"documentation", true, []string{"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"}},
		{"multicast", true, []string{"224.0.0.1", "239.255.255.255", "ff02::1"}},
		{"reserved", true, []string{"240.0.0.1", "255.255.255.255", "4000::1"}},
		{"IPv4-mapped", true, []string{"::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:198.18.0.1"}},
		{"IPv4-mapped public", false, []string{"::ffff:8.8.8.8"}},
		{"IPv4-compatible", true, []string{"::10.0.0.1", "::8.8.8.8"}},
		{"NAT64", true, []string{"64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254"}},
		{"NAT64 public", false, []string{"64:ff9b::8.8.8.8"}},
		{"local NAT64", true, []string{"64:ff9b:1::10.0.0.1", "64:ff9b:1::8.8.8.8", "64:ff9b:1:a00:1::"}},
		{"6to4", true, []string{"2002:a00:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:c0a8:1::1"}},
		{"6to4 public", false, []string{"2002:808:808::1"}},
		{"Teredo", true, []string{"2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"}},
		{"ISATAP", true, []string{"2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:127.0.0.1"}},
	} {
		for _, address := range block.of {
			if got := isPrivate(netip.MustParseAddr(address)); got != block.private {
				t.Errorf("%s: %s is private: %v", block.name, address, got)
			}
		}
	}
}
