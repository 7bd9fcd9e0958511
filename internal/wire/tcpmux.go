package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// frameBuffer holds the largest frame that is taken, with its length. Packets of media are smaller than a datagram on
// Ethernet; pion takes no more than 8 KiB.
const frameBuffer = 2 + 8192

// TCPMux gathers the TCP connections of ICE (RFC 6544) by the username fragment that their first message is for. It is
// an ice.TCPMux; its connections have the methods by which pion saves allocations.
//
// A connection for a fragment nobody asked for is closed: fragments are told to clients only once they are in use here,
// so none comes early.
type TCPMux struct {
	local net.Addr

	mu     sync.Mutex
	conns  map[string][]*TCPMuxedConn // by fragment
	closed bool
}

func newStreamMux(local net.Addr) *TCPMux {
	return &TCPMux{local: local, conns: map[string][]*TCPMuxedConn{}}
}

// LocalAddr is what the port is bound to; pion offers no other addresses.
func (m *TCPMux) LocalAddr() net.Addr { return m.local }

// GetConnByUfrag makes a packet connection of the TCP connections that come for ufrag to the address local. The name and
// the parameters are those of ice.TCPMux.
func (m *TCPMux) GetConnByUfrag(ufrag string, _ bool, local net.IP) (net.PacketConn, error) {
	tcp, ok := m.local.(*net.TCPAddr)
	ip, valid := netip.AddrFromSlice(local)
	if !ok || !valid {
		return nil, net.InvalidAddrError("not an address of a TCP port")
	}
	s := &TCPMuxedConn{
		mux: m, ufrag: ufrag, local: netip.AddrPortFrom(ip.Unmap(), uint16(tcp.Port)), dtls: &dtlsFilter{},
		in: make(chan inbound), done: make(chan struct{}),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, net.ErrClosed
	}
	if others := m.conns[ufrag]; len(others) > 0 {
		s.dtls = others[0].dtls // of one peer connection, so of one handshake
	}
	m.conns[ufrag] = append(m.conns[ufrag], s)
	return s, nil
}

// RemoveConnByUfrag closes all connections of ufrag.
func (m *TCPMux) RemoveConnByUfrag(ufrag string) {
	m.mu.Lock()
	all := m.conns[ufrag]
	delete(m.conns, ufrag)
	m.mu.Unlock()
	for _, s := range all {
		s.closeStreams()
	}
}

// Close closes every connection. The Split waits for what reads from and writes to them.
func (m *TCPMux) Close() error {
	m.mu.Lock()
	m.closed = true
	all := m.conns
	m.conns = map[string][]*TCPMuxedConn{}
	m.mu.Unlock()
	for _, list := range all {
		for _, s := range list {
			s.closeStreams()
		}
	}
	return nil
}

func (m *TCPMux) remove(s *TCPMuxedConn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conns[s.ufrag] = slices.DeleteFunc(m.conns[s.ufrag], func(x *TCPMuxedConn) bool { return x == s }); len(m.conns[s.ufrag]) == 0 {
		delete(m.conns, s.ufrag)
	}
}

// find returns who waits for connections with ufrag: on that address, else on any, since several addresses of this
// machine may have been offered as one.
func (m *TCPMux) find(ufrag string, local netip.Addr) *TCPMuxedConn {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.conns[ufrag]
	if len(all) == 0 {
		return nil
	}
	for _, s := range all {
		if s.local.Addr() == local {
			return s
		}
	}
	return all[0]
}

// handshakeStarted reports whether a DTLS handshake of the connection with ufrag has gone over TCP, if only in part.
func (m *TCPMux) handshakeStarted(ufrag string) bool {
	if m == nil {
		return false
	}
	var filter *dtlsFilter
	m.mu.Lock()
	if all := m.conns[ufrag]; len(all) > 0 {
		filter = all[0].dtls // which they share
	}
	m.mu.Unlock()
	return filter != nil && filter.handshakeStarted()
}

// serve reads conn's frames, of which first is the first, until it ends.
func (m *TCPMux) serve(conn net.Conn, reader *bufio.Reader, first []byte) {
	s := newTCPStream(conn)
	to := m.find(localFragment(first), addrOf(conn.LocalAddr()).Addr())
	if to == nil || !to.add(s) {
		_ = conn.Close()
		return
	}
	var writer sync.WaitGroup
	writer.Go(s.writeAll) // ends when the stream is dropped
	defer writer.Wait()
	defer to.remove(s)
	var err error
	for frame := first; err == nil; frame, err = nextFrame(reader) {
		if !to.deliver(s, frame) {
			return
		}
		if _, err = reader.Discard(2 + len(frame)); err != nil {
			return
		}
	}
}

var errFrame = errors.New("the frame is larger than a packet of ICE, DTLS or media")

// nextFrame returns the next packet, which stays in reader until it is discarded together with its length
// (RFC 4571, section 2).
func nextFrame(reader *bufio.Reader) ([]byte, error) {
	header, err := reader.Peek(2)
	if err != nil {
		return nil, err
	}
	n := 2 + int(binary.BigEndian.Uint16(header))
	if n > reader.Size() {
		return nil, errFrame
	}
	frame, err := reader.Peek(n)
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return frame[2:], nil
}

// addrOf is an address of TCP or UDP without the IPv6 form that sockets of both families give IPv4 addresses.
func addrOf(a net.Addr) netip.AddrPort {
	ap, ok := a.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.AddrPort{}
	}
	return unmapped(ap.AddrPort())
}
