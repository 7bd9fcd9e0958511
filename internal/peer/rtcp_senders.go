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

// Limits of the number of different sender SSRCs in the RTCP packets of one connection. Pion stores about 250 bytes for each
// SSRC until the connection ends, and does not notify the application of new SSRCs. A client uses one SSRC, or one for each
// track that it receives.
const (
	senderBurst = 1024 // token bucket: SSRCs accepted immediately
	senderRate  = 4    // token bucket: further SSRCs accepted per second
	maxSenders  = 8192 // SSRCs accepted in total
)

// rtcpSenders limits the number of different sender SSRCs in the RTCP packets of one connection. It drops the packets of all
// further senders. It sees packets before they are decrypted, so anybody can forge them. Therefore it does not close the
// connection. During a flood, RTCP from new senders is lost, but RTCP from known senders still passes.
type rtcpSenders struct {
	mu     sync.Mutex
	bucket *rate.Limiter
	known  map[uint32]bool // accepted SSRCs
}

// newRTCPSenders returns an rtcpSenders that knows no sender.
func newRTCPSenders() *rtcpSenders {
	return &rtcpSenders{bucket: rate.NewLimiter(senderRate, senderBurst), known: map[uint32]bool{}}
}

// admit reports whether packet may pass. Packets that are not RTCP always pass. admit calls clock only if the sender of
// packet has not been accepted yet.
func (s *rtcpSenders) admit(packet []byte, clock func() time.Time) bool {
	if len(packet) < 8 || packet[0]>>6 != 2 || packet[1] < 192 || packet[1] > 223 { // RFC 5761, section 4
		return true
	}
	sender := binary.BigEndian.Uint32(packet[4:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[sender] {
		return true
	}
	if len(s.known) >= maxSenders || !s.bucket.AllowN(clock(), 1) {
		return false
	}
	s.known[sender] = true
	return true
}

// packetConn is a connection of a UDP or TCP mux for one ICE username fragment. With ice.AddrPortReaderWriter, Pion reads
// and writes without allocating.
type packetConn interface {
	net.PacketConn
	ice.AddrPortReaderWriter
}

// limitedConn is a packetConn that skips the RTCP packets that its rtcpSenders does not admit.
type limitedConn struct {
	packetConn
	senders *rtcpSenders
}

// ReadFromAddrPort reads the next admitted packet without allocating.
func (c limitedConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := c.packetConn.ReadFromAddrPort(b)
		if err != nil || c.senders.admit(b[:n], time.Now) {
			return n, from, err
		}
	}
}

// ReadFrom reads the next admitted packet.
func (c limitedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.packetConn.ReadFrom(b)
		if err != nil || c.senders.admit(b[:n], time.Now) {
			return n, from, err
		}
	}
}

// limit wraps conn in a limitedConn. conn and err are the results of a mux; if err is not nil, limit returns both unchanged.
// All connections of one peer connection share s.
func (s *rtcpSenders) limit(conn net.PacketConn, err error) (net.PacketConn, error) {
	if c, ok := conn.(packetConn); ok && err == nil {
		return limitedConn{c, s}, nil
	}
	return conn, err
}

// limitedTCPMux is a TCP mux whose connections drop the RTCP packets that its rtcpSenders does not admit.
type limitedTCPMux struct {
	ice.TCPMux
	senders *rtcpSenders
}

// GetConnByUfrag implements ice.TCPMux.
func (m limitedTCPMux) GetConnByUfrag(ufrag string, six bool, local net.IP) (net.PacketConn, error) {
	return m.senders.limit(m.TCPMux.GetConnByUfrag(ufrag, six, local))
}
