package wire

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// datagramQueue is the capacity in packets of a connection's queue: 50 ms of traffic at about 40 Mbit/s. Packets that do
	// not fit are dropped.
	datagramQueue = 256
	// maxDatagramIn is the size in bytes of the largest packet that is read; Pion accepts no larger ones.
	maxDatagramIn = 8192
	// maxOwned bounds the client addresses that one connection owns. It also bounds the addresses that the connection
	// shares, see addressOwner. The oldest address is given up first. A client has a few addresses, and further ones when it
	// changes networks.
	maxOwned = 64
)

// datagram is a received packet: the first n bytes of buffer.
type datagram struct {
	n      int
	from   netip.AddrPort
	buffer [maxDatagramIn]byte
}

// datagrams holds unused datagrams.
var datagrams = sync.Pool{New: func() any { return new(datagram) }}

// UDPMuxedConn is a net.PacketConn for the packets to one username fragment.
type UDPMuxedConn struct {
	mux   *UDPMux
	key   fragment
	local net.Addr
	dtls  *dtlsFilter // shared by all connections of the username fragment

	in     chan *datagram
	done   chan struct{}
	closed atomic.Bool

	checks atomic.Int32 // number of checks sent to addresses from which nothing was received

	// owned and shared are the addresses that the connection owns and shares, oldest first, at most maxOwned each. They are
	// guarded by UDPMux.mu.
	owned, shared []netip.AddrPort
}

// enqueue queues d for ReadFrom and reports whether the queue had room. If so, the caller must no longer use d.
func (c *UDPMuxedConn) enqueue(d *datagram) bool {
	select {
	case c.in <- d:
		return true
	default:
		return false
	}
}

// enqueueCopy filters a copy of the packet b and queues it. It drops the copy if the queue is full.
func (c *UDPMuxedConn) enqueueCopy(b []byte, from netip.AddrPort) {
	d := datagrams.Get().(*datagram)
	d.from, d.n = from, copy(d.buffer[:], b)
	if d.n = c.dtls.filter(d.buffer[:d.n]); d.n == 0 || !c.enqueue(d) {
		datagrams.Put(d)
	}
}

// ReadFromAddrPort reads one packet without allocating. Bytes that do not fit into b are lost.
func (c *UDPMuxedConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case d := <-c.in:
		n, from := copy(b, d.buffer[:d.n]), d.from
		datagrams.Put(d)
		return n, from, nil
	case <-c.done:
		return 0, netip.AddrPort{}, io.EOF
	}
}

// WriteToAddrPort queues one packet without allocating. The caller may reuse b afterwards. Connectivity checks beyond the
// limits of allowCheck are dropped without an error.
func (c *UDPMuxedConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if c.closed.Load() {
		return 0, io.ErrClosedPipe
	}
	if t := stunType(b); t != notSTUN {
		if t == stunBinding && !c.mux.allowCheck(c, to) {
			return len(b), nil // like a lost packet
		}
		c.mux.claim(c, to, t == stunBindingSuccess)
	} else if c.dtls.observeSent(b, to) {
		c.mux.confirmOwner(c, to)
	}
	return c.mux.conn.WriteToAddrPort(b, to)
}

// ReadFrom reads one packet.
func (c *UDPMuxedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo queues one packet.
func (c *UDPMuxedConn) WriteTo(b []byte, to net.Addr) (int, error) {
	return c.WriteToAddrPort(b, addrOf(to))
}

// LocalAddr returns the local address that was passed to GetConn, a *net.UDPAddr.
func (c *UDPMuxedConn) LocalAddr() net.Addr { return c.local }

// localIP returns the IP address of LocalAddr.
func (c *UDPMuxedConn) localIP() netip.Addr { return addrOf(c.local).Addr().Unmap() }

// Close makes reads return io.EOF and makes writes fail. c gives up its username fragment and all its addresses.
func (c *UDPMuxedConn) Close() error {
	c.mux.closeConn(c)
	return nil
}

// SetDeadline does nothing. Pion sets deadlines only to interrupt reads before it closes the connection. Close interrupts
// reads anyway.
func (c *UDPMuxedConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, see SetDeadline.
func (c *UDPMuxedConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, because writes only queue packets.
func (c *UDPMuxedConn) SetWriteDeadline(time.Time) error { return nil }
