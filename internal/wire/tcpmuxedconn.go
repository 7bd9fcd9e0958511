package wire

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// maxStreams bounds the TCP connections of one username fragment. A client has one for each of its addresses, and twice as
// many for a moment when it reconnects.
const maxStreams = 16

// TCPMuxedConn presents the TCP connections to one username fragment and one local address as a net.PacketConn.
type TCPMuxedConn struct {
	mux   *TCPMux
	ufrag string
	local netip.AddrPort
	dtls  *dtlsFilter // shared by all connections of the username fragment

	in   chan inbound // unbuffered, so that a slow reader makes TCP slow down the client
	done chan struct{}

	mu      sync.Mutex
	streams []*tcpStream // at most maxStreams, so not a map
	closed  bool
}

// inbound is a packet with the TCP connection on which it was received. When ReadFromAddrPort has copied the packet, it
// sends a signal to from.copied.
type inbound struct {
	packet []byte
	from   *tcpStream
}

// add adds s to c. It returns false if c is closed or has maxStreams connections.
func (c *TCPMuxedConn) add(s *tcpStream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.streams) >= maxStreams {
		return false
	}
	c.streams = append(c.streams, s)
	return true
}

// remove closes s and removes it from c.
func (c *TCPMuxedConn) remove(s *tcpStream) {
	s.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams = slices.DeleteFunc(c.streams, func(x *tcpStream) bool { return x == s })
}

// deliver waits until a reader has copied packet, which came from s. It returns false if c is closed. It modifies packet.
func (c *TCPMuxedConn) deliver(s *tcpStream, packet []byte) bool {
	if packet = packet[:c.dtls.filter(packet)]; len(packet) == 0 {
		return true
	}
	select {
	case c.in <- inbound{packet, s}:
	case <-c.done:
		return false
	}
	<-s.copied // always arrives, because a reader that has received the packet only copies it
	return true
}

// ReadFromAddrPort reads one packet. Bytes that do not fit into b are lost.
func (c *TCPMuxedConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case p := <-c.in:
		n, from := copy(b, p.packet), p.from.remote
		p.from.copied <- struct{}{}
		return n, from, nil
	case <-c.done:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

// WriteToAddrPort queues one packet for the TCP connection with the given remote address. The packet is dropped without an
// error if the connection has ended or its queue is full.
func (c *TCPMuxedConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.mu.Lock()
	closed := c.closed
	i := slices.IndexFunc(c.streams, func(s *tcpStream) bool { return s.remote == to })
	var s *tcpStream
	if i >= 0 {
		s = c.streams[i]
	}
	c.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	if s != nil {
		c.dtls.observeSent(b, to)
		s.write(b)
	}
	return len(b), nil
}

// ReadFrom reads one packet.
func (c *TCPMuxedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.TCPAddrFromAddrPort(from), nil
}

// WriteTo queues one packet.
func (c *TCPMuxedConn) WriteTo(b []byte, to net.Addr) (int, error) {
	return c.WriteToAddrPort(b, addrOf(to))
}

// LocalAddr returns the local address that was passed to GetConnByUfrag, a *net.TCPAddr.
func (c *TCPMuxedConn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// Close removes c from its mux and closes its TCP connections.
func (c *TCPMuxedConn) Close() error {
	c.mux.remove(c)
	c.closeStreams()
	return nil
}

// closeStreams closes all TCP connections and makes reads and writes fail. It may be called more than once.
func (c *TCPMuxedConn) closeStreams() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	close(c.done)
	for _, s := range c.streams {
		s.close()
	}
}

// SetDeadline does nothing. Pion sets deadlines only to interrupt reads before it closes the connection. Close interrupts
// reads anyway.
func (c *TCPMuxedConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, see SetDeadline.
func (c *TCPMuxedConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, because writes only queue packets.
func (c *TCPMuxedConn) SetWriteDeadline(time.Time) error { return nil }
