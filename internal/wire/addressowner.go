package wire

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// ownerSilence is how long no request for the owner of an address may arrive from that address. After this time, another
	// connection may replace the owner. Clients send a request every 2 to 6 s to verify consent (RFC 7675, section 5.1), and
	// ICE itself declares a connection failed after 15 s (peer/engine.go).
	ownerSilence = 15 * time.Second
	// maxSharers bounds the connections that share a client address with its owner (see addressOwner), because most packets
	// from the address are copied for each of them. If there are more, the oldest is removed.
	maxSharers = 8
)

// addressOwner is the connection that owns one client address. This means that it receives the packets from the address.
// Other connections may claim the address, by sending a STUN response to it. They are called sharers and receive copies of
// the packets.
//
// A second connection claims an address when a NAT reassigns the port of one client to another, or when a client is killed
// and restarted with the same port. ICE needs seconds to notice that the first connection is dead, but the second one has to
// receive packets immediately. On the other hand, any participant can make its own connection claim the address of another
// participant: it only has to send a request with that source address. So a claim does not take the address from its owner.
// Instead, both connections receive the packets from the address, and each drops those that it cannot decrypt.
//
// The second connection becomes the owner when a complete DTLS handshake over the address proves that its client receives
// packets there, or when no request for the owner has arrived from the address for ownerSilence.
type addressOwner struct {
	conn        *UDPMuxedConn
	lastRequest atomic.Int64    // Unix time in ns of the latest STUN request for conn from the address
	received    atomic.Bool     // something has been received from the address
	sharers     []*UDPMuxedConn // oldest first; copied on change, guarded by UDPMux.mu
}

// route returns the connection that receives the packet b, and the sharers that receive copies. The connection is nil if
// none is to receive b. A Binding request goes to the connection with its username fragment. All other packets go to the
// owner and the sharers of the source address.
func (m *UDPMux) route(b []byte, from netip.AddrPort) (*UDPMuxedConn, []*UDPMuxedConn) {
	from = unmapped(from)
	request := stunType(b) == stunBinding
	m.mu.RLock()
	defer m.mu.RUnlock()
	o := m.owners[from]
	if o != nil {
		o.markReceived()
	}
	if !request {
		if o == nil {
			return nil, nil
		}
		return o.conn, o.sharers
	}
	key := fragment{localFragment(b), from.Addr().Is6()}
	list := m.fragments[key]
	if len(list) == 0 {
		return nil, nil
	}
	if o != nil && o.conn.key == key {
		o.lastRequest.Store(m.now().UnixNano())
	}
	return list[0], nil
}

// claim records that c sends a STUN message to addr. If addr has no owner, c becomes the owner. If there is an owner, a
// request changes nothing. A response (isResponse is set) makes c a sharer, or lets c replace an owner that is silent. A
// response counts for more, because Pion sends one only after it has verified that the request came from c's client.
func (m *UDPMux) claim(c *UDPMuxedConn, addr netip.AddrPort, isResponse bool) {
	addr = unmapped(addr)
	m.mu.RLock()
	o := m.owners[addr]
	unchanged := o != nil && (o.conn == c || !isResponse || slices.Contains(o.sharers, c) && !m.ownerSilent(o))
	m.mu.RUnlock()
	if unchanged {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch o = m.owners[addr]; {
	case c.closed.Load():
	case o == nil:
		m.ownLocked(c, addr, nil)
		m.owners[addr].received.Store(isResponse) // a response follows a request from addr
	case o.conn == c || !isResponse:
	case m.ownerSilent(o):
		m.replaceLocked(o, c, addr)
	case !slices.Contains(o.sharers, c):
		m.shareLocked(o, c, addr)
	}
}

// confirmOwner makes c the owner of addr. It is called when a DTLS handshake has proved that the client of c receives
// packets there. A handshake that went partly over TCP does not prove this, so confirmOwner does nothing after it.
func (m *UDPMux) confirmOwner(c *UDPMuxedConn, addr netip.AddrPort) {
	if m.tcp.Load().handshakeStarted(c.key.ufrag) {
		return
	}
	addr = unmapped(addr)
	m.mu.Lock()
	defer m.mu.Unlock()
	if o := m.owners[addr]; o != nil && o.conn != c && !c.closed.Load() {
		m.replaceLocked(o, c, addr)
	}
}

// ownerSilent reports whether the latest request for o arrived longer than ownerSilence ago.
func (m *UDPMux) ownerSilent(o *addressOwner) bool {
	return m.now().UnixNano()-o.lastRequest.Load() > int64(ownerSilence)
}

// replaceLocked makes c the owner of addr in place of o. The former owner loses addr, but becomes a sharer when it next
// sends a STUN response to addr (see claim).
func (m *UDPMux) replaceLocked(o *addressOwner, c *UDPMuxedConn, addr netip.AddrPort) {
	o.conn.owned = without(o.conn.owned, addr)
	c.shared = without(c.shared, addr)
	m.ownLocked(c, addr, without(o.sharers, c))
}

// ownLocked makes c the owner of addr. The connections in the list sharers become its sharers. If c owns maxOwned addresses
// already, c first loses the oldest of them.
func (m *UDPMux) ownLocked(c *UDPMuxedConn, addr netip.AddrPort, sharers []*UDPMuxedConn) {
	if len(c.owned) == maxOwned {
		m.releaseLocked(c, c.owned[0])
	}
	o := &addressOwner{conn: c, sharers: sharers}
	o.lastRequest.Store(m.now().UnixNano())
	if before := m.owners[addr]; before != nil {
		o.received.Store(before.received.Load())
	}
	m.owners[addr] = o
	c.owned = append(c.owned, addr)
}

// releaseLocked ends the ownership of addr by c and makes the oldest sharer the owner, if there is one.
func (m *UDPMux) releaseLocked(c *UDPMuxedConn, addr netip.AddrPort) {
	c.owned = without(c.owned, addr)
	sharers := m.owners[addr].sharers
	delete(m.owners, addr)
	if len(sharers) > 0 {
		sharers[0].shared = without(sharers[0].shared, addr)
		m.ownLocked(sharers[0], addr, without(sharers, sharers[0]))
	}
}

// shareLocked makes c a sharer of addr, which o owns. If addr has maxSharers already, the oldest sharer is removed. If c
// shares maxOwned addresses already, c stops sharing the oldest of them.
func (m *UDPMux) shareLocked(o *addressOwner, c *UDPMuxedConn, addr netip.AddrPort) {
	if len(o.sharers) == maxSharers {
		m.unshareLocked(o.sharers[0], addr)
	}
	if len(c.shared) == maxOwned {
		m.unshareLocked(c, c.shared[0])
	}
	o.sharers = append(slices.Clone(o.sharers), c)
	c.shared = append(c.shared, addr)
}

// unshareLocked removes c from the sharers of addr.
func (m *UDPMux) unshareLocked(c *UDPMuxedConn, addr netip.AddrPort) {
	c.shared = without(c.shared, addr)
	if o := m.owners[addr]; o != nil {
		o.sharers = without(o.sharers, c)
	}
}

// without returns a copy of list that does not contain x.
func without[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(y T) bool { return y == x })
}
