package wire

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// succession is how long the owner of an address must be silent before another connection takes it over: less than the second
// after which clients repeat a DTLS handshake that went to the owner.
const succession = 700 * time.Millisecond

// DatagramMux shares the socket between peer connections; it is an ice.UDPMux. A STUN Binding request names by a username
// fragment whom it is for (RFC 8445, section 7.2.2). What else comes from an address is its owner's: of who has answered a
// request from there.
//
// An address changes its owner when a router gives a port that one client has left to another, or a client that was killed
// comes back with the same port. ICE takes seconds to notice that the first one is gone; the second is heard before. Pion's own
// mux gives even requests to whoever had the address first, and so leaves the second outside until then.
type DatagramMux struct {
	conn  *PacketConn
	after func(time.Duration, func()) *time.Timer // time.AfterFunc, but in tests
	work  sync.WaitGroup

	mu        sync.RWMutex
	fragments map[fragment][]*Datagrams // in the order in which they were made
	owners    map[netip.AddrPort]*owner
	closed    bool
}

// fragment names a connection to the clients of one IP version; pion tells those of both versions apart.
type fragment struct {
	ufrag string
	six   bool
}

// owner is whose the packets from an address are.
type owner struct {
	conn  *Datagrams
	heard atomic.Bool // whether something has come for it since another wanted the address

	wanted bool // another waits for it to be silent. Guarded by DatagramMux.mu
}

// NewDatagramMux takes over conn; closing the mux closes it.
func NewDatagramMux(conn *PacketConn) *DatagramMux {
	m := &DatagramMux{
		conn: conn, after: time.AfterFunc,
		fragments: map[fragment][]*Datagrams{}, owners: map[netip.AddrPort]*owner{},
	}
	m.work.Go(m.receive) // ends when the socket is closed
	return m
}

// LocalAddr is what the socket is bound to, a *net.UDPAddr.
func (m *DatagramMux) LocalAddr() net.Addr { return m.conn.LocalAddr() }

// GetListenAddresses are the addresses by which this machine can be reached at the socket, those of loopback included.
func (m *DatagramMux) GetListenAddresses() []net.Addr {
	bound, ok := m.LocalAddr().(*net.UDPAddr)
	if !ok || !bound.IP.IsUnspecified() {
		return []net.Addr{m.LocalAddr()}
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return []net.Addr{m.LocalAddr()}
	}
	var all []net.Addr
	for _, a := range interfaces {
		if n, ok := a.(*net.IPNet); ok && (n.IP.To4() != nil || bound.IP.To4() == nil) {
			all = append(all, &net.UDPAddr{IP: n.IP, Port: bound.Port})
		}
	}
	return all
}

// GetConn makes a connection for the packets to ufrag, of the IP version of local. The first of several that are made for
// one fragment gets them.
func (m *DatagramMux) GetConn(ufrag string, local net.Addr) (net.PacketConn, error) {
	udp, ok := local.(*net.UDPAddr)
	if !ok {
		return nil, net.InvalidAddrError("not an address of UDP")
	}
	c := &Datagrams{
		mux: m, key: fragment{ufrag, udp.IP.To4() == nil}, local: local, dtls: &dtlsFilter{},
		in: make(chan *datagram, datagramQueue), done: make(chan struct{}),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, net.ErrClosed
	}
	for _, six := range []bool{false, true} {
		if others := m.fragments[fragment{ufrag, six}]; len(others) > 0 {
			c.dtls = others[0].dtls // of one peer connection, so of one handshake
		}
	}
	m.fragments[c.key] = append(m.fragments[c.key], c)
	return c, nil
}

// RemoveConnByUfrag closes all connections of ufrag.
func (m *DatagramMux) RemoveConnByUfrag(ufrag string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, six := range []bool{false, true} {
		for _, c := range slices.Clone(m.fragments[fragment{ufrag, six}]) {
			m.endLocked(c)
		}
	}
}

// Close closes the socket and every connection.
func (m *DatagramMux) Close() error {
	m.mu.Lock()
	m.closed = true
	for _, list := range m.fragments {
		for _, c := range slices.Clone(list) {
			m.endLocked(c)
		}
	}
	m.mu.Unlock()
	err := m.conn.Close()
	m.work.Wait()
	return err
}

func (m *DatagramMux) end(c *Datagrams) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.endLocked(c)
}

func (m *DatagramMux) endLocked(c *Datagrams) {
	if c.closed.Swap(true) {
		return
	}
	close(c.done)
	if m.fragments[c.key] = slices.DeleteFunc(m.fragments[c.key], func(x *Datagrams) bool { return x == c }); len(m.fragments[c.key]) == 0 {
		delete(m.fragments, c.key)
	}
	for _, a := range c.owned {
		delete(m.owners, a)
	}
	c.owned = nil
}

// receive hands out packets until the socket is closed.
func (m *DatagramMux) receive() {
	d := datagrams.Get().(*datagram)
	for {
		n, from, err := m.conn.ReadFromAddrPort(d.buffer[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // the system is short of something
			time.Sleep(acceptPause)
			continue
		}
		to := m.find(d.buffer[:n], from)
		if to == nil {
			continue
		}
		d.n, d.from = to.dtls.admit(d.buffer[:n]), from
		switch {
		case d.n == 0:
		case to.take(d):
			d = datagrams.Get().(*datagram)
		default:
			m.conn.dropped.Add(1)
		}
	}
}

// find returns whom b is for, or nil.
func (m *DatagramMux) find(b []byte, from netip.AddrPort) *Datagrams {
	from = unmapped(from)
	request := stunType(b) == stunBinding
	m.mu.RLock()
	defer m.mu.RUnlock()
	o := m.owners[from]
	if !request {
		if o == nil {
			return nil
		}
		// Answers of STUN and a DTLS handshake are no signs of life: they may be those of who is about to take over.
		if len(b) > 0 && b[0] > dtlsHandshake {
			o.hear()
		}
		return o.conn
	}
	list := m.fragments[fragment{localFragment(b), from.Addr().Is6()}]
	if len(list) == 0 {
		return nil
	}
	if o != nil && o.conn == list[0] {
		o.hear()
	}
	return list[0]
}

// hear notes a sign of life.
func (o *owner) hear() {
	if !o.heard.Load() {
		o.heard.Store(true)
	}
}

// claim makes c the owner of an address to which it sends a STUN message: at once if nobody is, and from somebody else if
// c answers a request, which pion does once the request has proved to come from c's client, and the owner is silent then.
func (m *DatagramMux) claim(c *Datagrams, a netip.AddrPort, answers bool) {
	a = unmapped(a)
	m.mu.RLock()
	o := m.owners[a]
	owned := o != nil && o.conn == c
	m.mu.RUnlock()
	if owned {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch o = m.owners[a]; {
	case o == nil:
		m.ownLocked(c, a)
	case o.conn != c && answers && !o.wanted:
		o.wanted = true
		o.heard.Store(false)
		m.after(succession, func() { m.succeed(o, c, a) })
	}
}

// succeed makes c the owner of a in place of o, unless something has come for that one meanwhile; c may try again then.
func (m *DatagramMux) succeed(o *owner, c *Datagrams, a netip.AddrPort) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o.wanted = false
	if m.owners[a] != o || o.heard.Load() || c.closed.Load() {
		return
	}
	o.conn.owned = slices.DeleteFunc(o.conn.owned, func(x netip.AddrPort) bool { return x == a })
	m.ownLocked(c, a)
}

func (m *DatagramMux) ownLocked(c *Datagrams, a netip.AddrPort) {
	if c.closed.Load() {
		return
	}
	if len(c.owned) == maxOwned {
		delete(m.owners, c.owned[0])
		c.owned = slices.Delete(c.owned, 0, 1)
	}
	m.owners[a] = &owner{conn: c}
	c.owned = append(c.owned, a)
}

// unmapped is an address as both kinds of sockets write it.
func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
