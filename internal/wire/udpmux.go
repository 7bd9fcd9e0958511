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

// UDPMux shares a PacketConn between peer connections. It implements ice.UDPMux. A STUN Binding request goes to the
// connection whose username fragment it contains (RFC 8445, section 7.2.2). All other packets go to the owner of their
// source address, see addressOwner.
//
// Pion's own mux differs in this: it passes even Binding requests to the connection that first used their source address.
type UDPMux struct {
	conn *PacketConn
	now  func() time.Time // time.Now, except in tests
	work sync.WaitGroup

	tcp    atomic.Pointer[TCPMux] // see SetTCPMux; may be nil
	checks checkLimiter

	mu        sync.RWMutex
	fragments map[fragment][]*UDPMuxedConn // in the order of GetConn
	owners    map[netip.AddrPort]*addressOwner
	addresses map[netip.Addr]int // number of connections by local address
	closed    bool
}

// fragment is a username fragment together with an IP version. Pion creates a connection for each IP version.
type fragment struct {
	ufrag string
	six   bool // IPv6
}

// NewUDPMux returns a UDPMux that reads from conn. UDPMux.Close closes conn.
func NewUDPMux(conn *PacketConn) *UDPMux {
	m := &UDPMux{
		conn: conn, now: time.Now, checks: checkLimiter{start: time.Now()},
		fragments: map[fragment][]*UDPMuxedConn{}, owners: map[netip.AddrPort]*addressOwner{},
		addresses: map[netip.Addr]int{},
	}
	m.work.Go(m.receive) // ends when conn is closed
	return m
}

// SetTCPMux sets the TCPMux that the same peer connections use for ICE over TCP.
func (m *UDPMux) SetTCPMux(tcp *TCPMux) { m.tcp.Store(tcp) }

// LocalAddr returns the address that the socket is bound to, a *net.UDPAddr.
func (m *UDPMux) LocalAddr() net.Addr { return m.conn.LocalAddr() }

// GetListenAddresses implements ice.UDPMux. It returns the address that the socket is bound to. If that is unspecified, the
// caller has to choose the addresses to offer.
func (m *UDPMux) GetListenAddresses() []net.Addr { return []net.Addr{m.LocalAddr()} }

// GetConn returns a connection for the packets to ufrag that have the IP version of local. If several connections exist for
// one fragment and IP version, the oldest receives the packets.
func (m *UDPMux) GetConn(ufrag string, local net.Addr) (net.PacketConn, error) {
	udp, ok := local.(*net.UDPAddr)
	if !ok {
		return nil, net.InvalidAddrError("not a UDP address")
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
			c.dtls = others[0].dtls // connections of one fragment belong to one peer connection, which has one DTLS handshake
		}
	}
	m.fragments[c.key] = append(m.fragments[c.key], c)
	m.addresses[c.localIP()]++
	return c, nil
}

// RemoveConnByUfrag closes all connections of ufrag.
func (m *UDPMux) RemoveConnByUfrag(ufrag string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, six := range []bool{false, true} {
		for _, c := range slices.Clone(m.fragments[fragment{ufrag, six}]) {
			m.closeConnLocked(c)
		}
	}
}

// Close closes the socket and every connection.
func (m *UDPMux) Close() error {
	m.mu.Lock()
	m.closed = true
	for _, list := range m.fragments {
		for _, c := range slices.Clone(list) {
			m.closeConnLocked(c)
		}
	}
	m.mu.Unlock()
	err := m.conn.Close()
	m.work.Wait()
	return err
}

// closeConn closes c; see closeConnLocked.
func (m *UDPMux) closeConn(c *UDPMuxedConn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closeConnLocked(c)
}

// closeConnLocked closes c and removes it from fragments and owners. If c is closed already, it does nothing.
func (m *UDPMux) closeConnLocked(c *UDPMuxedConn) {
	if c.closed.Swap(true) {
		return
	}
	close(c.done)
	if m.fragments[c.key] = slices.DeleteFunc(m.fragments[c.key], func(x *UDPMuxedConn) bool { return x == c }); len(m.fragments[c.key]) == 0 {
		delete(m.fragments, c.key)
	}
	if m.addresses[c.localIP()]--; m.addresses[c.localIP()] == 0 {
		delete(m.addresses, c.localIP())
	}
	for len(c.owned) > 0 {
		m.releaseLocked(c, c.owned[0])
	}
	for len(c.shared) > 0 {
		m.unshareLocked(c, c.shared[0])
	}
}

// receive reads packets and passes them to the connections until the socket is closed.
func (m *UDPMux) receive() {
	d := datagrams.Get().(*datagram)
	for {
		n, from, err := m.conn.ReadFromAddrPort(d.buffer[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // for example out of memory
			time.Sleep(retryDelay)
			continue
		}
		if m.dispatch(d, n, from) {
			d = datagrams.Get().(*datagram)
		}
	}
}

// dispatch passes the first n bytes in d, a packet from the address from, to the connections. It reports whether it has
// queued d itself. If so, the caller must no longer use d.
func (m *UDPMux) dispatch(d *datagram, n int, from netip.AddrPort) bool {
	to, sharers := m.route(d.buffer[:n], from)
	for _, c := range sharers {
		c.enqueueCopy(d.buffer[:n], from)
	}
	if to == nil {
		return false
	}
	d.n, d.from = to.dtls.filter(d.buffer[:n]), from
	if d.n == 0 {
		return false
	}
	queued := to.enqueue(d)
	if !queued {
		m.conn.dropped.Add(1)
	}
	return queued
}

// unmapped returns addr, converted from an IPv4-mapped IPv6 address to an IPv4 address if necessary.
func unmapped(addr netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}
