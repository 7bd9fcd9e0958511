package wire

import "net/netip"

// Relays are the TURN relays inside this process. A relay has an address that is not the address of any host, so that a
// packet to or from a relay cannot be confused with one to or from a real client. Packets to relays do not pass through the
// socket, and neither do those from relays, see UDPMux.Deliver.
type Relays struct {
	V4, V6 netip.Addr // address of all relays of an IP version
	// Deliver passes a packet to the relay with the address to. It must not block and must not retain b.
	Deliver func(b []byte, to netip.AddrPort)
}

// have reports whether a is the address of relays.
func (r *Relays) have(a netip.Addr) bool { return a == r.V4 || a == r.V6 }

// HasAddress reports whether some peer connection has ip as the address of a local candidate.
func (m *UDPMux) HasAddress(ip netip.Addr) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.addresses[ip.Unmap()] > 0
}

// Deliver handles the packet b that a relay sends to the server, as if it had arrived from the relay's address. It drops
// requests to the STUN and TURN server, because a relay must not lead to another relay. The caller may reuse b afterwards.
func (m *UDPMux) Deliver(b []byte, relay netip.AddrPort) {
	if len(b) > maxDatagramIn || isSTUNTraffic(b) {
		return
	}
	d := datagrams.Get().(*datagram)
	if !m.dispatch(d, copy(d.buffer[:], b), relay) {
		datagrams.Put(d)
	}
}
