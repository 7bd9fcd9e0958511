package wire

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// ownerSilence is how long an owner may be asked nothing before a sharer replaces it. Clients check every two to six seconds
	// that the path still works (RFC 7675, section 5.1), and ICE itself gives up a connection after 15 s (peer/engine.go).
	ownerSilence = 15 * time.Second
	// maxSharers bounds the sharers of an address, the oldest is dropped first. Each costs a copy of every packet.
	maxSharers = 8
)

// addressOwner is the connection that packets from an address are for, and those that say so too.
//
// A second connection claims an address when a router gives a port that one client has left to another, or when a client that was
// killed comes back with the same port. ICE takes seconds to notice that the first one is gone, and the second is heard before.
// But anybody in a meeting can make its own connection answer a request from another participant's address: it need only spoof
// it. So a claim alone takes nothing away from the addressOwner. Both connections get what comes from the address, and each drops what
// its own keys do not fit.
//
// The second connection becomes the addressOwner when it proves that its client receives at the address, by a whole DTLS handshake over
// it, or when no request for the addressOwner has come from there for ownerSilence.
type addressOwner struct {
	conn        *UDPMuxedConn
	lastRequest atomic.Int64    // Unix time in ns of the last request for conn from the address
	received    atomic.Bool     // whether anything has come from the address
	sharers     []*UDPMuxedConn // copied on change, guarded by DatagramMux.mu
}

// route returns the connection that b is for, or nil, and those that get a copy.
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

// claim notes that c sends a STUN message to an address: c becomes its owner if it has none. If c answers a request, which pion
// does once the request has proved to come from c's client, c becomes a sharer, or the owner in place of one that is silent.
func (m *UDPMux) claim(c *UDPMuxedConn, a netip.AddrPort, answers bool) {
	a = unmapped(a)
	m.mu.RLock()
	o := m.owners[a]
	nothing := o != nil && (o.conn == c || !answers || slices.Contains(o.sharers, c) && !m.ownerSilent(o))
	m.mu.RUnlock()
	if nothing {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch o = m.owners[a]; {
	case c.closed.Load():
	case o == nil:
		m.ownLocked(c, a, nil)
		m.owners[a].received.Store(answers) // what is answered has come from there
	case o.conn == c || !answers:
	case m.ownerSilent(o):
		m.replaceLocked(o, c, a)
	case !slices.Contains(o.sharers, c):
		m.shareLocked(o, c, a)
	}
}

// confirm makes c the owner of an address at which its client has proved to receive.
func (m *UDPMux) confirm(c *UDPMuxedConn, a netip.AddrPort) {
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

// ownerSilent reports whether no request for the owner has come for too long.
func (m *UDPMux) ownerSilent(o *addressOwner) bool {
	return m.now().UnixNano()-o.lastRequest.Load() > int64(ownerSilence)
}

// replaceLocked makes c the owner of a in place of o, which may become a sharer by its next answer.
func (m *UDPMux) replaceLocked(o *addressOwner, c *UDPMuxedConn, a netip.AddrPort) {
	o.conn.owned = without(o.conn.owned, a)
	c.shared = without(c.shared, a)
	m.ownLocked(c, a, without(o.sharers, c))
}

// ownLocked makes c the owner of a.
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

// releaseLocked takes a from its owner c and gives it to the sharer that came first.
func (m *UDPMux) releaseLocked(c *UDPMuxedConn, a netip.AddrPort) {
	c.owned = without(c.owned, a)
	sharers := m.owners[a].sharers
	delete(m.owners, a)
	if len(sharers) > 0 {
		sharers[0].shared = without(sharers[0].shared, a)
		m.ownLocked(sharers[0], a, without(sharers, sharers[0]))
	}
}

// shareLocked makes c a sharer of a.
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

// unshareLocked ends the share of c in a.
func (m *UDPMux) unshareLocked(c *UDPMuxedConn, a netip.AddrPort) {
	c.shared = without(c.shared, a)
	if o := m.owners[a]; o != nil {
		o.sharers = without(o.sharers, c)
	}
}

// without returns a copy of list without x.
func without[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(y T) bool { return y == x })
}
