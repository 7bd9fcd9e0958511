package wire

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/transport/v4/packetio"
)

// stunQueue is the capacity in bytes of a STUNConn's queue. Packets that do not fit are dropped.
const stunQueue = 1 << 20

// STUNConn is the socket's STUN and TURN traffic as a net.PacketConn: every STUN and TURN packet except the connectivity
// checks of peer connections and the responses to them. Closing the STUNConn does not close the socket.
type STUNConn struct {
	conn    *PacketConn
	queue   *packetio.Buffer // each entry is the sender's address, followed by the packet
	limiter *stunLimiter
}

// STUNConn returns the STUN and TURN traffic of the socket. Until the first call, PacketConn.ReadFrom returns these packets;
// later calls return the same STUNConn.
func (c *PacketConn) STUNConn() *STUNConn {
	a := &STUNConn{conn: c, queue: packetio.NewBuffer(), limiter: newSTUNLimiter()}
	a.queue.SetLimitSize(stunQueue)
	if !c.stun.CompareAndSwap(nil, a) {
		return c.stun.Load()
	}
	return a
}

// stunPacket is memory for an entry of a STUNConn's queue.
type stunPacket [addressSize + maxDatagramIn]byte

// stunPackets holds unused memory for entries. With TURN over UDP, every media packet of a client passes through the queue.
var stunPackets = sync.Pool{New: func() any { return new(stunPacket) }}

// addressSize is the length in bytes of an IPv6 address and a port.
const addressSize = 18

// intercept reports whether b is STUN or TURN traffic. If so, intercept queues b for ReadFrom. But it drops a request that
// exceeds the rate limit. The receiver a may be nil.
func (a *STUNConn) intercept(b []byte, from netip.AddrPort) bool {
	if a == nil || !isSTUNTraffic(b) {
		return false
	}
	if isRequest(b) && !a.limiter.allow(from.Addr(), time.Now()) {
		a.conn.rateLimited.Add(1)
		return true
	}
	if len(b) > maxDatagramIn {
		return true
	}
	packet := stunPackets.Get().(*stunPacket)
	address := from.Addr().As16()
	copy(packet[:], address[:])
	binary.BigEndian.PutUint16(packet[16:], from.Port())
	_, _ = a.queue.Write(packet[:addressSize+copy(packet[addressSize:], b)]) // fails if the queue is full
	stunPackets.Put(packet)
	return true
}

const (
	// channelData is the upper four bits of the first byte of a TURN ChannelData message. That byte is 0x40 to 0x4f (RFC
	// 8656, section 12). RTP, RTCP and DTLS begin with other bytes (RFC 7983, section 7).
	channelData = 0x4
	// stunMethod and stunClass are the bits of the method and the bits of the class in a message type (RFC 8489, section 5).
	// Class 0 is a request.
	stunMethod, stunClass = 0x3eef, 0x0110
)

// isSTUNTraffic reports whether a datagram belongs to the STUNConn. Binding requests with a USERNAME and Binding responses
// belong to peer connections.
func isSTUNTraffic(b []byte) bool {
	if len(b) > 0 && b[0]>>4 == channelData {
		return true
	}
	message := stunType(b)
	if message == notSTUN {
		return false
	}
	if message&stunMethod != stunBinding {
		return true
	}
	return message&stunClass == 0 && localFragment(b) == ""
}

// isRequest reports whether b is a STUN or TURN request. Only requests are rate-limited, because only requests are answered.
func isRequest(b []byte) bool {
	message := stunType(b)
	return message != notSTUN && message&stunClass == 0
}

// ReadFrom waits for a packet.
func (a *STUNConn) ReadFrom(b []byte) (int, net.Addr, error) {
	packet := stunPackets.Get().(*stunPacket)
	defer stunPackets.Put(packet)
	n, err := a.queue.Read(packet[:])
	if err != nil || n < addressSize {
		return 0, nil, net.ErrClosed
	}
	from := netip.AddrPortFrom(netip.AddrFrom16([16]byte(packet[:16])).Unmap(), binary.BigEndian.Uint16(packet[16:]))
	return copy(b, packet[addressSize:n]), net.UDPAddrFromAddrPort(from), nil
}

// WriteTo queues the packet b, which the socket then sends.
func (a *STUNConn) WriteTo(b []byte, to net.Addr) (int, error) { return a.conn.WriteTo(b, to) }

// Close makes ReadFrom fail. It does not close the socket.
func (a *STUNConn) Close() error { return a.queue.Close() }

// LocalAddr returns the socket's address, a *net.UDPAddr.
func (a *STUNConn) LocalAddr() net.Addr { return a.conn.LocalAddr() }

// SetReadDeadline sets the deadline of reads.
func (a *STUNConn) SetReadDeadline(t time.Time) error { return a.queue.SetReadDeadline(t) }

// SetWriteDeadline does nothing, because writes only queue packets.
func (a *STUNConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline sets the deadline of reads.
func (a *STUNConn) SetDeadline(t time.Time) error { return a.SetReadDeadline(t) }
