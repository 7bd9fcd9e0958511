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
	// firstPort and lastPort bound the ports of relays. A port only identifies a relay inside this process: no socket uses
	// it. The range is that of dynamic ports (RFC 6335, section 6).
	firstPort, lastPort = 49152, 65535
	// relayQueue is the capacity in bytes of a relay's queue towards its browser: 250 ms of a video at 4 Mbit/s. Packets
	// that do not fit are dropped.
	relayQueue = 128 << 10
)

var errFull = errors.New("turn: too many relays")

// relays is the set of all relays. It implements turn.RelayAddressGenerator, by which Pion creates them.
type relays struct {
	v4, v6 netip.Addr // addresses of all relays, by IP version
	limit  int        // maximum number of relays

	mu     sync.Mutex
	byPort map[uint16]*relay
}

// newRelays returns an empty set of relays. The set will hold at most limit relays, which have the addresses v4 and v6.
func newRelays(v4, v6 netip.Addr, limit int) *relays {
	return &relays{v4: v4, v6: v6, limit: limit, byPort: map[uint16]*relay{}}
}

// Validate implements turn.RelayAddressGenerator; there is nothing to check.
func (rs *relays) Validate() error { return nil }

// AllocatePacketConn makes a relay for the user of the request. It fails if there are rs.limit relays already.
func (rs *relays) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if len(rs.byPort) >= rs.limit {
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

// AllocateListener refuses TCP allocations (RFC 6062), which no browser requests.
func (rs *relays) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errors.ErrUnsupported
}

// AllocateConn refuses outgoing TCP connections (RFC 6062), which no browser requests.
func (rs *relays) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}

// permits reports whether a client may send to the IP address peer. It may send only to the addresses of relays.
func (rs *relays) permits(_ net.Addr, peer net.IP) bool {
	a, ok := netip.AddrFromSlice(peer)
	return ok && (a.Unmap() == rs.v4 || a == rs.v6)
}

// find returns the relay with the address dst if it belongs to session, otherwise nil. TURN permissions (RFC 8656, section
// 9) cannot keep sessions apart: a permission names only an IP address, and all relays of an IP version have the same one.
// So find compares sessions.
func (rs *relays) find(session string, dst net.Addr) *relay {
	udp, ok := dst.(*net.UDPAddr)
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

// remove deletes the relay with the given port from the set.
func (rs *relays) remove(port uint16) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.byPort, port)
}

// count returns the number of relays.
func (rs *relays) count() int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return len(rs.byPort)
}

// relay is the relayed transport address of one browser, as the net.PacketConn that Pion uses: WriteTo sends the browser's
// packets to another relay, and ReadFrom returns packets from other relays for the browser.
type relay struct {
	all     *relays
	session string // the TURN user, which both browsers of a direct call share
	address netip.AddrPort
	queue   *packetio.Buffer // each entry is the port of the sending relay, followed by the packet
}

// WriteTo queues b at the relay with the address dst, if that relay belongs to the same session. Packets to other addresses
// and packets that do not fit into the queue are dropped without an error.
func (r *relay) WriteTo(b []byte, dst net.Addr) (int, error) {
	if other := r.all.find(r.session, dst); other != nil {
		packet := make([]byte, 2, 2+len(b))
		binary.BigEndian.PutUint16(packet, r.address.Port())
		_, _ = other.queue.Write(append(packet, b...))
	}
	return len(b), nil
}

// ReadFrom waits for the next packet and returns it with the address of the relay that sent it.
func (r *relay) ReadFrom(b []byte) (int, net.Addr, error) {
	packet := make([]byte, 2+len(b))
	n, err := r.queue.Read(packet)
	if err != nil || n < 2 {
		return 0, nil, net.ErrClosed
	}
	from := netip.AddrPortFrom(r.address.Addr(), binary.BigEndian.Uint16(packet))
	return copy(b, packet[2:n]), net.UDPAddrFromAddrPort(from), nil
}

// Close removes the relay. A pending ReadFrom fails.
func (r *relay) Close() error {
	r.all.remove(r.address.Port())
	return r.queue.Close()
}

// LocalAddr returns the relay's address, a *net.UDPAddr.
func (r *relay) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(r.address) }

// SetDeadline sets the deadline of reads. Writes never wait.
func (r *relay) SetDeadline(t time.Time) error { return r.queue.SetReadDeadline(t) }

// SetReadDeadline sets the deadline of reads.
func (r *relay) SetReadDeadline(t time.Time) error { return r.queue.SetReadDeadline(t) }

// SetWriteDeadline does nothing, because writes never wait.
func (r *relay) SetWriteDeadline(time.Time) error { return nil }
