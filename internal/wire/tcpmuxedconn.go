package wire

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// maxStreams bounds the TCP connections of one fragment: a client has one for each of its addresses, and after a resume
// for a moment twice as many.
const maxStreams = 16

// TCPMuxedConn are the TCP connections to one address of ours that came for one username fragment, as a packet connection.
type TCPMuxedConn struct {
	mux   *TCPMux
	ufrag string
	local netip.AddrPort
	dtls  *dtlsFilter // shared by all connections of the fragment

	in   chan inbound // not buffered: a reader that is behind closes the window of TCP
	done chan struct{}

	mu     sync.Mutex
	list   []*tcpStream // few, so not a map
	closed bool
}

// inbound is a packet on its way from a stream to who reads; taken says that it was copied.
type inbound struct {
	packet []byte
	from   *tcpStream
}

// add takes s in, unless there are enough.
func (c *TCPMuxedConn) add(s *tcpStream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.list) >= maxStreams {
		return false
	}
	c.list = append(c.list, s)
	return true
}

func (c *TCPMuxedConn) remove(s *tcpStream) {
	s.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = slices.DeleteFunc(c.list, func(x *tcpStream) bool { return x == s })
}

// deliver waits until packet has been read; false means that nobody reads any more. It changes packet.
func (c *TCPMuxedConn) deliver(s *tcpStream, packet []byte) bool {
	if packet = packet[:c.dtls.filter(packet)]; len(packet) == 0 {
		return true
	}
	select {
	case c.in <- inbound{packet, s}:
	case <-c.done:
		return false
	}
	<-s.copied // comes always: who has taken the packet only copies it
	return true
}

// ReadFromAddrPort reads one packet. What does not fit into b is lost, as of a datagram.
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

// WriteToAddrPort queues one packet for the connection from that address. To one that is gone, or that takes less than
// is sent, packets are lost, as they are on other paths.
func (c *TCPMuxedConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.mu.Lock()
	closed := c.closed
	i := slices.IndexFunc(c.list, func(s *tcpStream) bool { return s.remote == to })
	var s *tcpStream
	if i >= 0 {
		s = c.list[i]
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

// LocalAddr is a *net.TCPAddr.
func (c *TCPMuxedConn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// Close closes all connections.
func (c *TCPMuxedConn) Close() error {
	c.mux.remove(c)
	c.closeStreams()
	return nil
}

func (c *TCPMuxedConn) closeStreams() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	close(c.done)
	for _, s := range c.list {
		s.close()
	}
}

// SetDeadline does nothing, nor do the others: pion sets deadlines only to end reads before it closes, and Close ends them.
func (c *TCPMuxedConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *TCPMuxedConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: writes only queue.
func (c *TCPMuxedConn) SetWriteDeadline(time.Time) error { return nil }
