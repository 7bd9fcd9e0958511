package webhook

import "net/netip"

// notPublic are the special-purpose IPv4 blocks beyond those that package netip knows by name (loopback, private use,
// link-local, multicast), from https://www.iana.org/assignments/iana-ipv4-special-registry.
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

// notPublic6 are the special-purpose blocks inside of global, from
// https://www.iana.org/assignments/iana-ipv6-special-registry.
var reservedIPv6 = []netip.Prefix{
	netip.MustParsePrefix("2001::/23"),     // protocol assignments, with Teredo (RFC 4380): RFC 2928
	netip.MustParsePrefix("2001:db8::/32"), // documentation: RFC 3849
	netip.MustParsePrefix("3fff::/20"),     // documentation: RFC 9637
}

var (
	// global is all of IPv6 that is assigned as global unicast (RFC 4291, section 2.4). Outside of it are loopback, unique
	// local, link-local and multicast addresses, IPv4-compatible ones (::/96), and 64:ff9b:1::/48, in which a network may
	// place an IPv4 address where it likes (RFC 8215).
	globalUnicast = netip.MustParsePrefix("2000::/3")
	// nat64 holds an IPv4 address in its last 32 bits, which the network translates to (RFC 6052, section 2.1).
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	// sixToFour holds an IPv4 address behind its first 16 bits, to which packets are tunnelled (RFC 3056, section 2).
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// isPrivate reports whether an address is not one of the public internet: of this machine, of its network, of a cloud's own
// services, or of nobody. An IPv6 address that leads to a
// private IPv4 address is private as well.
func isPrivate(a netip.Addr) bool {
	if a = a.Unmap(); a.Is4() {
		return !a.IsGlobalUnicast() || a.IsPrivate() || containedIn(reservedIPv4, a)
	}
	if v4, ok := embeddedIPv4(a); ok && isPrivate(v4) {
		return true
	}
	return a.Zone() != "" || !globalUnicast.Contains(a) && !nat64.Contains(a) || containedIn(reservedIPv6, a)
}

// embedded returns the IPv4 address that packets to an IPv6 address are translated or tunnelled to.
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

func containedIn(blocks []netip.Prefix, a netip.Addr) bool {
	for _, block := range blocks {
		if block.Contains(a) {
			return true
		}
	}
	return false
}
