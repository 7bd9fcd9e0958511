package turn

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v4/packetio"
	"github.com/pion/turn/v5"
)

const (
	// maxRelays bounds the relays of all users together. An idle relay takes about 20 KB.
	maxRelays = 16384
	// firstPort and lastPort bound the ports of relays. A port only identifies a relay inside this process: no socket uses
	// it. The range is that of dynamic ports (RFC 6335, section 6).
	firstPort, lastPort = 49152, 65535
	// maxPortTries is how many random ports are tried for a relay.
	maxPortTries = 100
)

// The addresses of the relays of participants. No host has these addresses, so a packet to or from them cannot be confused
// with one to or from a real client.
var (
	ParticipantV4 = netip.AddrFrom4([4]byte{192, 0, 0, 8})        // the IPv4 dummy address (RFC 7600)
	ParticipantV6 = netip.AddrFrom16([16]byte{0: 0x01, 15: 0x01}) // 100::1, in the discard prefix (RFC 6666)
)

var errFull = errors.New("turn: too many relays")

// Media is the media socket of the rooms. Relays of participants exchange packets with it without the network.
type Media interface {
	// LocalAddr returns the address of the socket, a *net.UDPAddr.
	LocalAddr() net.Addr
	// HasAddress reports whether clients are currently offered the IP address for media.
	HasAddress(ip netip.Addr) bool
	// Deliver handles the packet b as if the socket had received it from the address of a relay. It does not block.
	Deliver(b []byte, relay netip.AddrPort)
}

// relays is the set of all relays. It implements turn.RelayAddressGenerator, by which Pion creates them.
type relays struct {
	directV4, directV6 netip.Addr // addresses of all relays of direct calls, by IP version
	limit              int        // maximum number of relays
	media              Media      // nil if participants get no relays
	mediaPort          int
	present            func(participant string) bool // see Options.Present

	bytesSent, bytesReceived atomic.Uint64 // see Stats

	mu        sync.RWMutex
	byAddress map[netip.AddrPort]*relay
	users     map[string]*user // users that have relays, by ID
}

// newRelays returns an empty set of relays. The set will hold at most limit relays.
func newRelays(o Options, limit int) *relays {
	rs := &relays{limit: limit, media: o.Media, present: o.Present, byAddress: map[netip.AddrPort]*relay{}, users: map[string]*user{}}
	rs.directV4, rs.directV6 = ownAddresses()
	switch {
	case o.DirectAddress.Unmap().Is4():
		rs.directV4 = o.DirectAddress.Unmap()
	case o.DirectAddress.Is6():
		rs.directV6 = o.DirectAddress
	}
	if o.Media != nil {
		if a, ok := o.Media.LocalAddr().(*net.UDPAddr); ok {
			rs.mediaPort = a.Port
		}
	}
	return rs
}

// isPresent reports whether a participant is present and may use relays.
func (rs *relays) isPresent(participant string) bool {
	return rs.media != nil && rs.present != nil && rs.present(participant)
}

// Validate implements turn.RelayAddressGenerator; there is nothing to check.
func (rs *relays) Validate() error { return nil }

// AllocatePacketConn makes a relay for the user of the request. It fails if there are too many relays.
func (rs *relays) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	u := rs.users[c.UserID]
	if u == nil {
		u = newUser(c.UserID)
	}
	address, ok := rs.freeAddressLocked(rs.address(u, c.Network == "udp6"), c.RequestedPort)
	if !ok || len(rs.byAddress) >= rs.limit || u.relays >= maxUserRelays {
		return nil, nil, errFull
	}
	r := &relay{all: rs, user: u, address: address, queue: packetio.NewBuffer()}
	r.queue.SetLimitSize(relayQueue)
	if u.participant != "" {
		_ = r.queue.SetReadDeadline(time.Now().Add(presenceInterval)) // cannot fail
	}
	u.relays++
	rs.users[u.id], rs.byAddress[address] = u, r
	return r, r.LocalAddr(), nil
}

// address returns the IP address of the relays of u.
func (rs *relays) address(u *user, six bool) netip.Addr {
	switch {
	case u.participant != "" && six:
		return ParticipantV6
	case u.participant != "":
		return ParticipantV4
	case six:
		return rs.directV6
	}
	return rs.directV4
}

// freeAddressLocked returns an address that no relay has. It has the requested port if that is not 0 and free.
func (rs *relays) freeAddressLocked(ip netip.Addr, requestedPort int) (netip.AddrPort, bool) {
	port := uint16(requestedPort)
	for range maxPortTries {
		if a := netip.AddrPortFrom(ip, port); port != 0 && rs.byAddress[a] == nil {
			return a, true
		}
		port = uint16(firstPort + rand.IntN(lastPort-firstPort+1))
	}
	return netip.AddrPort{}, false
}

// AllocateListener refuses TCP allocations (RFC 6062), which no browser requests.
func (rs *relays) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errors.ErrUnsupported
}

// AllocateConn refuses outgoing TCP connections (RFC 6062), which no browser requests.
func (rs *relays) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}

// mayAllocate reports whether a user may allocate another relay.
func (rs *relays) mayAllocate(userID, _ string, _ net.Addr) bool {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	u := rs.users[userID]
	return u == nil || u.relays < maxUserRelays
}

// permits reports whether a client may get a TURN permission for the IP address peer. It may get one for the addresses of
// relays of direct calls and for those that clients are offered for media. The permission alone lets it send nowhere, see
// relay.WriteTo.
func (rs *relays) permits(_ net.Addr, peer net.IP) bool {
	a, ok := netip.AddrFromSlice(peer)
	a = a.Unmap()
	return ok && (a == rs.directV4 || a == rs.directV6 || rs.media != nil && rs.media.HasAddress(a))
}

// at returns the relay with the given address, or nil if there is none.
func (rs *relays) at(address netip.AddrPort) *relay {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return rs.byAddress[address]
}

// remove deletes a relay from the set. It does nothing if the relay has been deleted already.
func (rs *relays) remove(r *relay) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.byAddress[r.address] != r {
		return
	}
	delete(rs.byAddress, r.address)
	if r.user.relays--; r.user.relays == 0 {
		delete(rs.users, r.user.id)
	}
}

// count returns the number of relays.
func (rs *relays) count() int {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return len(rs.byAddress)
}

// ownAddresses returns one global address of this machine for each IP version. For an IP version without a global address it
// returns the loopback address.
func ownAddresses() (v4, v6 netip.Addr) {
	addresses, _ := net.InterfaceAddrs() // on an error there are no addresses
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		switch ip := prefix.Addr(); {
		case err != nil || !ip.IsGlobalUnicast():
		case ip.Is4() && !v4.IsValid():
			v4 = ip
		case ip.Is6() && !v6.IsValid():
			v6 = ip
		}
	}
	if !v4.IsValid() {
		v4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if !v6.IsValid() {
		v6 = netip.IPv6Loopback()
	}
	return v4, v6
}
