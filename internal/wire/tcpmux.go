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

// frameBuffer is the size in bytes of the largest accepted frame, including its length field. Media packets are smaller than
// an Ethernet packet, and Pion accepts at most 8 KiB.
const frameBuffer = 2 + 8192

// TCPMux groups the TCP connections of ICE (RFC 6544) by the username fragment in their first message. It implements
// ice.TCPMux. Its connections implement ice.AddrPortReaderWriter, so Pion reads and writes without allocating.
//
// A TCP connection for an unknown fragment is closed. No connection can arrive too early, because a client learns a fragment
// only after GetConnByUfrag has registered it.
type TCPMux struct {
	local net.Addr

	mu     sync.Mutex
	conns  map[string][]*TCPMuxedConn // by username fragment, in the order of GetConnByUfrag
	closed bool
}

// newTCPMux returns a mux for the port with the address local.
func newTCPMux(local net.Addr) *TCPMux {
	return &TCPMux{local: local, conns: map[string][]*TCPMuxedConn{}}
}

// GetConnByUfrag implements ice.TCPMux. It returns a packet connection for the TCP connections to ufrag at the address
// local.
func (m *TCPMux) GetConnByUfrag(ufrag string, _ bool, local net.IP) (net.PacketConn, error) {
	tcp, ok := m.local.(*net.TCPAddr)
	ip, valid := netip.AddrFromSlice(local)
	if !ok || !valid {
		return nil, net.InvalidAddrError("not a TCP address")
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
		s.dtls = others[0].dtls // connections of one fragment belong to one peer connection, which has one DTLS handshake
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

// Close closes every connection. ProtocolMux.Close waits for their goroutines.
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

// remove removes s from conns.
func (m *TCPMux) remove(s *TCPMuxedConn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conns[s.ufrag] = slices.DeleteFunc(m.conns[s.ufrag], func(x *TCPMuxedConn) bool { return x == s }); len(m.conns[s.ufrag]) == 0 {
		delete(m.conns, s.ufrag)
	}
}

// find returns the packet connection for TCP connections to ufrag at the address local. If there is none for that address,
// find returns the oldest connection for ufrag: if several addresses of this machine were offered as one public address, a
// client may connect to any of them. find returns nil for an unknown ufrag.
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

// handshakeStarted reports whether the server has sent a part of a DTLS handshake over the TCP connections of ufrag. m may
// be nil.
func (m *TCPMux) handshakeStarted(ufrag string) bool {
	if m == nil {
		return false
	}
	var filter *dtlsFilter
	m.mu.Lock()
	if all := m.conns[ufrag]; len(all) > 0 {
		filter = all[0].dtls // shared by all connections of ufrag
	}
	m.mu.Unlock()
	return filter != nil && filter.handshakeStarted()
}

// serve reads frames from conn until the connection ends. first is the first frame. It has not been consumed from reader
// yet.
func (m *TCPMux) serve(conn net.Conn, reader *bufio.Reader, first []byte) {
	s := newTCPStream(conn)
	to := m.find(localFragment(first), addrOf(conn.LocalAddr()).Addr())
	if to == nil || !to.add(s) {
		_ = conn.Close()
		return
	}
	var writer sync.WaitGroup
	writer.Go(s.writeAll) // ends when the stream is closed
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

var errFrameTooLarge = errors.New("wire: the frame exceeds the maximum packet size")

// nextFrame returns the next frame of reader without its length field (RFC 4571, section 2). It does not consume the frame;
// the slice is valid until the next read.
func nextFrame(reader *bufio.Reader) ([]byte, error) {
	header, err := reader.Peek(2)
	if err != nil {
		return nil, err
	}
	n := 2 + int(binary.BigEndian.Uint16(header))
	if n > reader.Size() {
		return nil, errFrameTooLarge
	}
	frame, err := reader.Peek(n)
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return frame[2:], nil
}

// addrOf returns the IP address and port of a TCP or UDP address. It converts an IPv4-mapped IPv6 address to an IPv4
// address. It returns the zero value for other types of addresses.
func addrOf(a net.Addr) netip.AddrPort {
	ap, ok := a.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.AddrPort{}
	}
	return unmapped(ap.AddrPort())
}
