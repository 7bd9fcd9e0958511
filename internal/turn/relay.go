package turn

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/transport/v4/packetio"
	"github.com/pion/turn/v5"
)

const (
	// Ports of relays are names inside the process, from the range that IANA leaves free (RFC 6335, section 6).
	firstPort, lastPort = 49152, 65535
	// relayQueue is how many bytes may wait to be sent on to a browser; what comes on top is lost, as on any full link. It
	// is a quarter of a second of a good picture.
	relayQueue = 128 << 10
)

var errFull = errors.New("turn: there are too many relays")

// relays are all that there are, by the port that names each. It is pion's generator of relayed addresses.
type relays struct {
	v4, v6 netip.Addr // what they seem to be on
	most   int

	mu     sync.Mutex
	byPort map[uint16]*relay
}

func newRelays(v4, v6 netip.Addr, most int) *relays {
	return &relays{v4: v4, v6: v6, most: most, byPort: map[uint16]*relay{}}
}

// Validate has nothing to say.
func (rs *relays) Validate() error { return nil }

// AllocatePacketConn makes a relay.
func (rs *relays) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if len(rs.byPort) >= rs.most {
		return nil, nil, errFull
	}
	port := uint16(c.RequestedPort)
	for port == 0 || rs.byPort[port] != nil {
		port = uint16(firstPort + rand.IntN(lastPort-firstPort+1))
	}
	address := rs.v4
	if c.Network == "udp6" {
		address = rs.v6
	}
	r := &relay{all: rs, session: c.UserID, address: netip.AddrPortFrom(address, port), queue: packetio.NewBuffer()}
	r.queue.SetLimitSize(relayQueue)
	rs.byPort[port] = r
	return r, r.LocalAddr(), nil
}

// AllocateListener refuses TCP behind the relay (RFC 6062), which no browser asks for.
func (rs *relays) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errors.ErrUnsupported
}

// AllocateConn refuses it too.
func (rs *relays) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}

// permits tells whether anything may be sent to that address: relays are all on one.
func (rs *relays) permits(_ net.Addr, peer net.IP) bool {
	a, ok := netip.AddrFromSlice(peer)
	return ok && (a.Unmap() == rs.v4 || a == rs.v6)
}

// find returns the relay of a session at an address, nil if there is none. Permissions (RFC 8656, section 9) name only an
// IP address, which all relays share, so they cannot keep sessions apart: the session of the relay does.
func (rs *relays) find(session string, to net.Addr) *relay {
	udp, ok := to.(*net.UDPAddr)
	if !ok || !rs.permits(nil, udp.IP) {
		return nil
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.byPort[uint16(udp.Port)]; r != nil && r.session == session {
		return r
	}
	return nil
}

func (rs *relays) remove(port uint16) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.byPort, port)
}

func (rs *relays) count() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.byPort)
}

// relay is one browser's address among the relays: what others write to it, pion reads and sends on to the browser.
type relay struct {
	all     *relays
	session string // the TURN user: both browsers of a direct call
	address netip.AddrPort
	queue   *packetio.Buffer // each packet behind the port of the relay it is from
}

// WriteTo queues b at the relay with that address, if it belongs to the same session. Packets to any other address, and
// those that find the queue full, are dropped.
func (r *relay) WriteTo(b []byte, to net.Addr) (int, error) {
	if other := r.all.find(r.session, to); other != nil {
		packet := make([]byte, 2, 2+len(b))
		binary.BigEndian.PutUint16(packet, r.address.Port())
		_, _ = other.queue.Write(append(packet, b...))
	}
	return len(b), nil
}

// ReadFrom waits for a packet.
func (r *relay) ReadFrom(b []byte) (int, net.Addr, error) {
	packet := make([]byte, 2+len(b))
	n, err := r.queue.Read(packet)
	if err != nil || n < 2 {
		return 0, nil, net.ErrClosed
	}
	from := netip.AddrPortFrom(r.address.Addr(), binary.BigEndian.Uint16(packet))
	return copy(b, packet[2:n]), net.UDPAddrFromAddrPort(from), nil
}

// Close ends the relay; a read under way fails.
func (r *relay) Close() error {
	r.all.remove(r.address.Port())
	return r.queue.Close()
}

// LocalAddr is the relay's address.
func (r *relay) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(r.address) }

// SetDeadline bounds reads; writes never wait.
func (r *relay) SetDeadline(t time.Time) error { return r.queue.SetReadDeadline(t) }

// SetReadDeadline bounds reads.
func (r *relay) SetReadDeadline(t time.Time) error { return r.queue.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes never wait.
func (r *relay) SetWriteDeadline(time.Time) error { return nil }
