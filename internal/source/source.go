// Package source identifies clients by their network addresses, for limits that apply to each client.
package source

import "net/netip"

// Prefix returns the network that counts as one client. For IPv4 that is the single address, which many clients behind a NAT
// may share. For IPv6 it is the /56, the usual size of one customer's network (RFC 6177, section 2). For the zero address it
// returns the zero prefix.
func Prefix(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 56
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // the only possible error is for the zero address
	return p
}

// Key parses address and returns its Prefix as text. It returns a text that is not an IP address unchanged.
func Key(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	return Prefix(a).String()
}
