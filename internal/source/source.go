// Package source identifies clients by their network addresses, for limits that apply to each client.
package source

import "net/netip"

// Prefix returns the network that counts as one client. An IPv4 client is a single address, which many clients behind a NAT
// may share. An IPv6 client is a /56, the usual size of one customer's network (RFC 6177, section 2). For the zero address,
// Prefix returns the zero prefix.
func Prefix(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 56
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // the only possible error is for the zero address
	return p
}

// Key parses address and returns its Prefix as a string. If address is not an IP address, Key returns it unchanged.
func Key(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	return Prefix(a).String()
}
