package wire

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// ownerSilence is how long no request for the owner may come from the address before a sharer replaces the owner.
	// Clients send a request every 2 to 6 s to verify consent (RFC 7675, section 5.1), and ICE itself declares a connection
	// failed after 15 s (peer/engine.go).
	ownerSilence = 15 * time.Second
	// maxSharers bounds the sharers of an address; the oldest is removed first. Each receives a copy of every packet.
	maxSharers = 8
)

// addressOwner is the connection that receives the packets from one client address. Its sharers are other connections that
// claim the address.
//
// A second connection claims an address when a NAT reassigns the port of one client to another, or when a client is killed
// and restarted with the same port. ICE needs seconds to notice that the first connection is dead, but the second one has to
// receive packets immediately. On the other hand, any participant can make its own connection claim the address of another
// participant: it only has to send a request with that source address. So a claim does not take the address from its owner.
// Instead, both connections receive the packets from there, and each drops those that it cannot decrypt.
//
// The second connection becomes the owner when it proves that its client receives packets at the address, by a complete DTLS
// handshake over it, or when no request for the owner has come from there for ownerSilence.
type addressOwner struct {
	conn        *UDPMuxedConn
	lastRequest atomic.Int64    // Unix time in ns of the latest STUN request for conn from the address
	received    atomic.Bool     // something has been received from the address
	sharers     []*UDPMuxedConn // oldest first; copied on change, guarded by UDPMux.mu
}

// route returns the connection that receives the packet b, or nil, and the sharers that receive copies. A Binding request
// goes to the connection with its username fragment. All other packets go to the owner and the sharers of the source
// address.
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

// claim records that c sends a STUN message to the address a. If a has no owner, c becomes the owner. Otherwise, if the
// message is a response (isResponse), c becomes a sharer, or replaces an owner that is silent. Pion responds to a request
// only if it was authenticated as coming from the client of c.
func (m *UDPMux) claim(c *UDPMuxedConn, a netip.AddrPort, isResponse bool) {
	a = unmapped(a)
	m.mu.RLock()
	o := m.owners[a]
	unchanged := o != nil && (o.conn == c || !isResponse || slices.Contains(o.sharers, c) && !m.ownerSilent(o))
	m.mu.RUnlock()
	if unchanged {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch o = m.owners[a]; {
	case c.closed.Load():
	case o == nil:
		m.ownLocked(c, a, nil)
		m.owners[a].received.Store(isResponse) // a response follows a request from a
	case o.conn == c || !isResponse:
	case m.ownerSilent(o):
		m.replaceLocked(o, c, a)
	case !slices.Contains(o.sharers, c):
		m.shareLocked(o, c, a)
	}
}

// confirmOwner makes c the owner of the address a. It is called when a DTLS handshake has proved that the client of c
// receives packets there. If a part of the handshake went over TCP, this is not proved, and confirmOwner does nothing.
func (m *UDPMux) confirmOwner(c *UDPMuxedConn, a netip.AddrPort) {
	if m.tcp.Load().handshakeStarted(c.key.ufrag) {
		return
	}
	a = unmapped(a)
	m.mu.Lock()
	defer m.mu.Unlock()
	if o := m.owners[a]; o != nil && o.conn != c && !c.closed.Load() {
		m.replaceLocked(o, c, a)
	}
}

// ownerSilent reports whether no request for o has come for longer than ownerSilence.
func (m *UDPMux) ownerSilent(o *addressOwner) bool {
	return m.now().UnixNano()-o.lastRequest.Load() > int64(ownerSilence)
}

// replaceLocked makes c the owner of the address a in place of o. The connection of o becomes a sharer when it next sends a
// response.
func (m *UDPMux) replaceLocked(o *addressOwner, c *UDPMuxedConn, a netip.AddrPort) {
	o.conn.owned = without(o.conn.owned, a)
	c.shared = without(c.shared, a)
	m.ownLocked(c, a, without(o.sharers, c))
}

// ownLocked makes c the owner of the address a, with sharers. If c owns maxOwned addresses already, it loses the oldest.
func (m *UDPMux) ownLocked(c *UDPMuxedConn, a netip.AddrPort, sharers []*UDPMuxedConn) {
	if len(c.owned) == maxOwned {
		m.releaseLocked(c, c.owned[0])
	}
	o := &addressOwner{conn: c, sharers: sharers}
	o.lastRequest.Store(m.now().UnixNano())
	if before := m.owners[a]; before != nil {
		o.received.Store(before.received.Load())
	}
	m.owners[a] = o
	c.owned = append(c.owned, a)
}

// releaseLocked takes the address a from its owner c and makes the oldest sharer the owner, if there is one.
func (m *UDPMux) releaseLocked(c *UDPMuxedConn, a netip.AddrPort) {
	c.owned = without(c.owned, a)
	sharers := m.owners[a].sharers
	delete(m.owners, a)
	if len(sharers) > 0 {
		sharers[0].shared = without(sharers[0].shared, a)
		m.ownLocked(sharers[0], a, without(sharers, sharers[0]))
	}
}

// shareLocked makes c a sharer of the address a, which o owns. If a has maxSharers, or c shares maxOwned addresses, the
// oldest is removed.
func (m *UDPMux) shareLocked(o *addressOwner, c *UDPMuxedConn, a netip.AddrPort) {
	if len(o.sharers) == maxSharers {
		m.unshareLocked(o.sharers[0], a)
	}
	if len(c.shared) == maxOwned {
		m.unshareLocked(c, c.shared[0])
	}
	o.sharers = append(slices.Clone(o.sharers), c)
	c.shared = append(c.shared, a)
}

// unshareLocked removes c from the sharers of the address a.
func (m *UDPMux) unshareLocked(c *UDPMuxedConn, a netip.AddrPort) {
	c.shared = without(c.shared, a)
	if o := m.owners[a]; o != nil {
		o.sharers = without(o.sharers, c)
	}
}

// without returns a copy of list that does not contain x.
func without[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(y T) bool { return y == x })
}
