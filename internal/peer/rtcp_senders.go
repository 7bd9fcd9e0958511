package peer

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"golang.org/x/time/rate"
)

// Bounds of the SSRCs that RTCP of one connection names as its sender. Pion keeps some 250 bytes for each until the
// connection ends and does not report them. A client has one, or one for each track that it receives.
const (
	senderBurst = 1024 // at once
	senderRate  = 4    // more, each second
	maxSenders  = 8192 // in all
)

// rtcpSenders drops RTCP of senders beyond the bound. It sees packets before they are decrypted, when anybody may have
// sent them, so it does not end the connection: a flood keeps out the feedback of new senders, while that of known
// senders goes on.
type rtcpSenders struct {
	mu     sync.Mutex
	bucket *rate.Limiter
	known  map[uint32]bool
}

func newRTCPSenders() *rtcpSenders {
	return &rtcpSenders{bucket: rate.NewLimiter(senderRate, senderBurst), known: map[uint32]bool{}}
}

// admit reports whether to pass on a packet.
func (s *rtcpSenders) admit(packet []byte, now func() time.Time) bool {
	if len(packet) < 8 || packet[0]>>6 != 2 || packet[1] < 192 || packet[1] > 223 { // RFC 5761, section 4
		return true
	}
	sender := binary.BigEndian.Uint32(packet[4:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[sender] {
		return true
	}
	if len(s.known) >= maxSenders || !s.bucket.AllowN(now(), 1) {
		return false
	}
	s.known[sender] = true
	return true
}

// packetConn is a mux's connection for one username fragment, with the methods that save pion allocations.
type packetConn interface {
	net.PacketConn
	ice.AddrPortReaderWriter
}

// sendersConn drops packets of RTCP senders beyond the bound.
type sendersConn struct {
	packetConn
	senders *rtcpSenders
}

func (c sendersConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := c.packetConn.ReadFromAddrPort(b)
		if err != nil || c.senders.admit(b[:n], time.Now) {
			return n, from, err
		}
	}
}

func (c sendersConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.packetConn.ReadFrom(b)
		if err != nil || c.senders.admit(b[:n], time.Now) {
			return n, from, err
		}
	}
}

// bounded applies the bound to a connection that a mux has made. All connections of one peer connection share it.
func (s *rtcpSenders) bounded(conn net.PacketConn, err error) (net.PacketConn, error) {
	if c, ok := conn.(packetConn); ok && err == nil {
		return sendersConn{c, s}, nil
	}
	return conn, err
}

// boundedTCP is a TCP mux whose connections have the bound.
type boundedTCP struct {
	TCPMux
	senders *rtcpSenders
}

// GetConnByUfrag makes a connection; its name and parameters are those of ice.TCPMux.
func (m boundedTCP) GetConnByUfrag(ufrag string, six bool, local net.IP) (net.PacketConn, error) {
	return m.senders.bounded(m.TCPMux.GetConnByUfrag(ufrag, six, local))
}
