package wire

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/pion/transport/v4/packetio"
)

// stunQueue is how many bytes may wait for the reader of an Aside; what comes on top is lost, as in any full socket.
const stunQueue = 1 << 20

// STUNConn is the UDP socket as those see it who serve what is not of a peer connection: STUN for whoever asks how others
// see it, and TURN. Closing it leaves the socket open.
type STUNConn struct {
	conn    *PacketConn
	queue   *packetio.Buffer // each packet behind its sender's address
	limiter *stunLimiter
}

// STUNConn returns the socket for STUN and TURN; until it is asked for, such packets are the media's to ignore.
func (c *PacketConn) STUNConn() *STUNConn {
	a := &STUNConn{conn: c, queue: packetio.NewBuffer(), limiter: newSTUNLimiter()}
	a.queue.SetLimitSize(stunQueue)
	if !c.stun.CompareAndSwap(nil, a) {
		return c.stun.Load()
	}
	return a
}

// addressSize is that of an IPv6 address and a port.
const addressSize = 18

// intercept keeps b for the reader, if it is not media's, and reports whether it was. Requests beyond their rate are dropped.
func (a *STUNConn) intercept(b []byte, from netip.AddrPort) bool {
	if a == nil || !isSTUNTraffic(b) {
		return false
	}
	if isRequest(b) && !a.limiter.allow(from.Addr(), time.Now()) {
		a.conn.rateLimited.Add(1)
		return true
	}
	packet := make([]byte, addressSize, addressSize+len(b))
	address := from.Addr().As16()
	copy(packet, address[:])
	binary.BigEndian.PutUint16(packet[16:], from.Port())
	_, _ = a.queue.Write(append(packet, b...)) // fails when it is full
	return true
}

const (
	// channelData begins TURN's shorter messages: 0x40 to 0x4f (RFC 8656, section 12). RTP, RTCP and DTLS begin otherwise
	// (RFC 7983, section 7).
	channelData = 0x4
	// stunMethods and stunClass pick a message type apart (RFC 8489, section 5); of class 0 are requests.
	stunMethod, stunClass = 0x3eef, 0x0110
)

// isSTUNTraffic reports whether a datagram is none of a peer connection's. Binding requests with a USERNAME belong to peer connections.
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

// isRequest reports whether a datagram is a STUN or TURN request, the only messages that are answered.
func isRequest(b []byte) bool {
	message := stunType(b)
	return message != notSTUN && message&stunClass == 0
}

// ReadFrom waits for a packet.
func (a *STUNConn) ReadFrom(b []byte) (int, net.Addr, error) {
	packet := make([]byte, addressSize+len(b))
	n, err := a.queue.Read(packet)
	if err != nil || n < addressSize {
		return 0, nil, net.ErrClosed
	}
	from := netip.AddrPortFrom(netip.AddrFrom16([16]byte(packet[:16])).Unmap(), binary.BigEndian.Uint16(packet[16:]))
	return copy(b, packet[addressSize:n]), net.UDPAddrFromAddrPort(from), nil
}

// WriteTo sends b with all else that the socket sends.
func (a *STUNConn) WriteTo(b []byte, to net.Addr) (int, error) { return a.conn.WriteTo(b, to) }

// Close ends reads.
func (a *STUNConn) Close() error { return a.queue.Close() }

// LocalAddr is the socket's address.
func (a *STUNConn) LocalAddr() net.Addr { return a.conn.LocalAddr() }

// SetReadDeadline limits reads.
func (a *STUNConn) SetReadDeadline(t time.Time) error { return a.queue.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes only queue.
func (a *STUNConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline limits reads.
func (a *STUNConn) SetDeadline(t time.Time) error { return a.SetReadDeadline(t) }
