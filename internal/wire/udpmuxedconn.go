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
	// datagramQueue is how many packets may wait for pion; what comes on top is lost, as in any full socket. It holds 50 ms
	// of some 40 Mbit/s.
	datagramQueue = 256
	// maxDatagramIn is the longest packet that is taken; pion takes no longer ones.
	maxDatagramIn = 8192
	// maxOwned bounds the addresses of one connection; the oldest is given up first. A client has a few, and new ones when
	// it moves between networks.
	maxOwned = 64
)

// datagram is a packet on its way to who reads.
type datagram struct {
	n      int
	from   netip.AddrPort
	buffer [maxDatagramIn]byte
}

var datagrams = sync.Pool{New: func() any { return new(datagram) }}

// UDPMuxedConn are the packets for one username fragment, as a packet connection.
type UDPMuxedConn struct {
	mux   *UDPMux
	key   fragment
	local net.Addr
	dtls  *dtlsFilter // shared by all connections of the fragment

	in     chan *datagram
	done   chan struct{}
	closed atomic.Bool

	checks atomic.Int32 // that it has sent to addresses which nothing has come from

	// Addresses that it owns and that it shares, the oldest first, at most maxOwned of each. Guarded by DatagramMux.mu.
	owned, shared []netip.AddrPort
}

// enqueue queues d, which is then no longer the caller's, unless the queue is full.
func (c *UDPMuxedConn) enqueue(d *datagram) bool {
	select {
	case c.in <- d:
		return true
	default:
		return false
	}
}

// enqueueCopy queues a copy of a packet, unless the queue is full.
func (c *UDPMuxedConn) enqueueCopy(b []byte, from netip.AddrPort) {
	d := datagrams.Get().(*datagram)
	d.from, d.n = from, copy(d.buffer[:], b)
	if d.n = c.dtls.filter(d.buffer[:d.n]); d.n == 0 || !c.enqueue(d) {
		datagrams.Put(d)
	}
}

// ReadFromAddrPort reads one packet without allocating. What does not fit into b is lost.
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

// WriteToAddrPort queues one packet without allocating; b may be reused at once.
func (c *UDPMuxedConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if c.closed.Load() {
		return 0, io.ErrClosedPipe
	}
	if t := stunType(b); t != notSTUN {
		if t == stunBinding && !c.mux.allowCheck(c, to) {
			return len(b), nil // as if it were lost on the way
		}
		c.mux.claim(c, to, t == stunBindingSuccess)
	} else if c.dtls.observeSent(b, to) {
		c.mux.confirm(c, to)
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

// LocalAddr is a *net.UDPAddr.
func (c *UDPMuxedConn) LocalAddr() net.Addr { return c.local }

// Close ends reads and gives up the fragment and the addresses.
func (c *UDPMuxedConn) Close() error {
	c.mux.end(c)
	return nil
}

// SetDeadline does nothing, nor do the others: pion sets deadlines only to end reads before it closes, and Close ends them.
func (c *UDPMuxedConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *UDPMuxedConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: writes only queue.
func (c *UDPMuxedConn) SetWriteDeadline(time.Time) error { return nil }
