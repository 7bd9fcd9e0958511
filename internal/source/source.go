// Package source tells clients apart by their network addresses, for limits that count by client.
package source

import "net/netip"

// Prefix returns the network that counts as one client: an IPv4 address, which may be that of many behind a router, or an
// IPv6 /56, which is what one customer of a provider usually gets (RFC 6177, section 2). It is the zero prefix for the
// zero address.
func Prefix(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 56
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // fails for the zero address only
	return p
}

// Key returns the same of an address in text, and a text that is no address as it is.
func Key(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	return Prefix(a).String()
}
