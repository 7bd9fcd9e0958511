package webhook

import "net/netip"

// reservedIPv4 lists the special-purpose IPv4 blocks of https://www.iana.org/assignments/iana-ipv4-special-registry,
// except those that methods of netip.Addr recognize: loopback, private use, link-local and multicast.
var reservedIPv4 = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network: RFC 791, section 3.2
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT: RFC 6598
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments: RFC 6890, section 2.1
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation: RFC 5737
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays: RFC 7526
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks: RFC 2544
	netip.MustParsePrefix("198.51.100.0/24"), // documentation: RFC 5737
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation: RFC 5737
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, with the broadcast address: RFC 1112, section 4
}

// reservedIPv6 lists the special-purpose blocks inside globalUnicast, from
// https://www.iana.org/assignments/iana-ipv6-special-registry.
var reservedIPv6 = []netip.Prefix{
	netip.MustParsePrefix("2001::/23"),     // protocol assignments, with Teredo (RFC 4380): RFC 2928
	netip.MustParsePrefix("2001:db8::/32"), // documentation: RFC 3849
	netip.MustParsePrefix("3fff::/20"),     // documentation: RFC 9637
}

var (
	// globalUnicast is the part of IPv6 from which global unicast addresses are assigned (RFC 4291, section 2.4). It does
	// not contain loopback, unique local, link-local, multicast and IPv4-compatible (::/96) addresses. It does not contain
	// 64:ff9b:1::/48 either, in which a network may embed an IPv4 address at a position of its choice (RFC 8215).
	globalUnicast = netip.MustParsePrefix("2000::/3")
	// nat64 is the prefix of addresses that the network translates to IPv4. The last 32 bits are the IPv4 address
	// (RFC 6052, section 2.1).
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	// sixToFour is the prefix of addresses whose packets are tunnelled to an IPv4 address. The 32 bits after the prefix
	// are this address (RFC 3056, section 2).
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// isPrivate reports whether an address is not on the public internet. Such an address belongs to this machine, to its
// network, or to services that a cloud offers only to its machines, or it is reserved. An IPv6 address that is translated
// or tunnelled to a private IPv4 address is private too.
func isPrivate(a netip.Addr) bool {
	if a = a.Unmap(); a.Is4() {
		return !a.IsGlobalUnicast() || a.IsPrivate() || containedIn(reservedIPv4, a)
	}
	if v4, ok := embeddedIPv4(a); ok && isPrivate(v4) {
		return true
	}
	return a.Zone() != "" || !globalUnicast.Contains(a) && !nat64.Contains(a) || containedIn(reservedIPv6, a)
}

// embeddedIPv4 returns the IPv4 address that is embedded in an IPv6 address, if there is one. Packets to the IPv6 address
// are translated or tunnelled to this IPv4 address.
func embeddedIPv4(a netip.Addr) (v4 netip.Addr, ok bool) {
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:])), true
	case b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP: RFC 5214, section 6.1
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	return netip.Addr{}, false
}

// containedIn reports whether one of the blocks contains the address a.
func containedIn(blocks []netip.Prefix, a netip.Addr) bool {
	for _, block := range blocks {
		if block.Contains(a) {
			return true
		}
	}
	return false
}
