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

// UDPMux shares the socket between peer connections; it is an ice.UDPMux. A STUN Binding request names by a username
// fragment whom it is for (RFC 8445, section 7.2.2). What else comes from an address goes to its owner: the connection that has
// answered a request from there.
//
// Several connections may claim one address, see owner. Pion's own mux gives even requests to whoever had the address first.
type UDPMux struct {
	conn *PacketConn
	now  func() time.Time // time.Now, but in tests
	work sync.WaitGroup

	tcp    atomic.Pointer[TCPMux] // may be nil
	checks checkLimiter

	mu        sync.RWMutex
	fragments map[fragment][]*UDPMuxedConn // in the order in which they were made
	owners    map[netip.AddrPort]*addressOwner
	closed    bool
}

// fragment names a connection to the clients of one IP version; pion tells those of both versions apart.
type fragment struct {
	ufrag string
	six   bool
}

// NewUDPMux takes over conn; closing the mux closes it.
func NewUDPMux(conn *PacketConn) *UDPMux {
	m := &UDPMux{
		conn: conn, now: time.Now, checks: checkLimiter{start: time.Now()},
		fragments: map[fragment][]*UDPMuxedConn{}, owners: map[netip.AddrPort]*addressOwner{},
	}
	m.work.Go(m.receive) // ends when the socket is closed
	return m
}

// SetTCPMux names the mux of the peer connections that use this one, for those that go over TCP.
func (m *UDPMux) SetTCPMux(streams *TCPMux) { m.tcp.Store(streams) }

// LocalAddr is what the socket is bound to, a *net.UDPAddr.
func (m *UDPMux) LocalAddr() net.Addr { return m.conn.LocalAddr() }

// GetListenAddresses are the addresses by which this machine can be reached at the socket, those of loopback included.
func (m *UDPMux) GetListenAddresses() []net.Addr {
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
func (m *UDPMux) GetConn(ufrag string, local net.Addr) (net.PacketConn, error) {
	udp, ok := local.(*net.UDPAddr)
	if !ok {
		return nil, net.InvalidAddrError("not an address of UDP")
	}
	c := &UDPMuxedConn{
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
func (m *UDPMux) RemoveConnByUfrag(ufrag string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, six := range []bool{false, true} {
		for _, c := range slices.Clone(m.fragments[fragment{ufrag, six}]) {
			m.endLocked(c)
		}
	}
}

// Close closes the socket and every connection.
func (m *UDPMux) Close() error {
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

func (m *UDPMux) end(c *UDPMuxedConn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.endLocked(c)
}

func (m *UDPMux) endLocked(c *UDPMuxedConn) {
	if c.closed.Swap(true) {
		return
	}
	close(c.done)
	if m.fragments[c.key] = slices.DeleteFunc(m.fragments[c.key], func(x *UDPMuxedConn) bool { return x == c }); len(m.fragments[c.key]) == 0 {
		delete(m.fragments, c.key)
	}
	for len(c.owned) > 0 {
		m.releaseLocked(c, c.owned[0])
	}
	for len(c.shared) > 0 {
		m.unshareLocked(c, c.shared[0])
	}
}

// receive hands out packets until the socket is closed.
func (m *UDPMux) receive() {
	d := datagrams.Get().(*datagram)
	for {
		n, from, err := m.conn.ReadFromAddrPort(d.buffer[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // the system is short of something
			time.Sleep(retryDelay)
			continue
		}
		to, sharers := m.route(d.buffer[:n], from)
		for _, c := range sharers {
			c.enqueueCopy(d.buffer[:n], from)
		}
		if to == nil {
			continue
		}
		d.n, d.from = to.dtls.filter(d.buffer[:n]), from
		switch {
		case d.n == 0:
		case to.enqueue(d):
			d = datagrams.Get().(*datagram)
		default:
			m.conn.dropped.Add(1)
		}
	}
}

// unmapped is an address as both kinds of sockets write it.
func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
