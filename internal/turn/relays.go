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

	"meet/internal/netaddr"
	"meet/internal/source"
)

const (
	// maxRelays bounds the relays of all users together, which take about 330 MB when idle: 20 KB each. A participant
	// allocates up to four relays (see maxUserRelays), so 4,000 participants can have them. wire.ProtocolMux accepts as many
	// TURN connections by default.
	maxRelays = 16384
	// maxAddressRelays bounds the relays of the clients at one public IPv4 address or IPv6 /56. The 2,000 guests that the
	// rooms accept from one address allocate up to 8,000. Private addresses may belong to a proxy.
	maxAddressRelays = 8192
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
	direct    netip.Addr // see Options.DirectAddress
	limit     int        // maximum number of relays
	media     Media      // nil if participants get no relays
	mediaPort int
	present   func(participant string) bool // see Options.Present

	bytesSent, bytesReceived atomic.Uint64 // see Stats

	mu        sync.RWMutex
	byAddress map[netip.AddrPort]*relay
	byNetwork map[netip.Prefix]int // number of relays, by relay.network
	directs   map[netip.Addr]int   // number of relays of direct calls, by IP address
	users     map[string]*user     // users that have relays or have had one within bucketsRefill, by ID
}

// newRelays returns an empty set of relays. The set will hold at most limit relays.
func newRelays(o Options, limit int) *relays {
	rs := &relays{
		direct: o.DirectAddress.Unmap(), limit: limit, media: o.Media, present: o.Present,
		byAddress: map[netip.AddrPort]*relay{}, byNetwork: map[netip.Prefix]int{}, directs: map[netip.Addr]int{}, users: map[string]*user{},
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
	fresh := newUser(c.UserID, rs.direct) // reads the addresses of this machine, so before rs.mu is locked
	rs.mu.Lock()
	defer rs.mu.Unlock()
	u := rs.users[c.UserID]
	if u == nil {
		u = fresh
	}
	ip := u.v4
	if c.Network == "udp6" {
		ip = u.v6
	}
	address, ok := rs.freeAddressLocked(ip, c.RequestedPort)
	if !ok || len(rs.byAddress) >= rs.limit || u.relays >= maxUserRelays {
		return nil, nil, errFull
	}
	r := &relay{all: rs, user: u, address: address, queue: packetio.NewBuffer()}
	r.queue.SetLimitSize(relayQueue)
	if u.participant != "" {
		_ = r.queue.SetReadDeadline(time.Now().Add(presenceInterval)) // cannot fail
	} else {
		rs.directs[ip]++
	}
	u.relays++
	rs.users[u.id], rs.byAddress[address] = u, r
	return r, r.LocalAddr(), nil
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

// mayAllocate reports whether a user may allocate another relay from the address client.
func (rs *relays) mayAllocate(userID, _ string, client net.Addr) bool {
	network := publicNetwork(client)
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	u := rs.users[userID]
	return (u == nil || u.relays < maxUserRelays) && rs.byNetwork[network] < maxAddressRelays
}

// allocated counts a new relay for the address of its client. Pion does not pass this address to AllocatePacketConn.
func (rs *relays) allocated(client, _ net.Addr, _, _, _ string, relayed net.Addr, _ int) {
	address, ok := relayed.(*net.UDPAddr)
	if !ok {
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.byAddress[address.AddrPort()]; r != nil {
		if r.network = publicNetwork(client); r.network.IsValid() {
			rs.byNetwork[r.network]++
		}
	}
}

// publicNetwork returns the network of a client with a public address, see source.Prefix. For other addresses it returns the
// zero value.
func publicNetwork(client net.Addr) netip.Prefix {
	a, ok := client.(interface{ AddrPort() netip.AddrPort }) // a *net.UDPAddr or *net.TCPAddr
	if !ok {
		return netip.Prefix{}
	}
	ip := a.AddrPort().Addr().Unmap()
	if !netaddr.IsPublic(ip) {
		return netip.Prefix{}
	}
	return source.Prefix(ip)
}

// permits reports whether a client may get a TURN permission for the IP address peer. It may get one for the addresses of
// relays of direct calls and for those that clients are offered for media. The permission alone lets it send nowhere, see
// relay.WriteTo.
func (rs *relays) permits(_ net.Addr, peer net.IP) bool {
	a, ok := netip.AddrFromSlice(peer)
	a = a.Unmap()
	return ok && (rs.isDirect(a) || rs.media != nil && rs.media.HasAddress(a))
}

// isDirect reports whether a relay of a direct call has the IP address a.
func (rs *relays) isDirect(a netip.Addr) bool {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return rs.directs[a] > 0
}

// at returns the relay with the given address, or nil if there is none.
func (rs *relays) at(address netip.AddrPort) *relay {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return rs.byAddress[address]
}

// remove deletes a relay from the set. It does nothing if the relay has been deleted already. The user without relays
// remains for bucketsRefill, because a new user would have full token buckets.
func (rs *relays) remove(r *relay) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.byAddress[r.address] != r {
		return
	}
	delete(rs.byAddress, r.address)
	u, ip := r.user, r.address.Addr()
	if u.participant == "" {
		if rs.directs[ip]--; rs.directs[ip] == 0 {
			delete(rs.directs, ip)
		}
	}
	if r.network.IsValid() {
		if rs.byNetwork[r.network]--; rs.byNetwork[r.network] == 0 {
			delete(rs.byNetwork, r.network)
		}
	}
	if u.relays--; u.relays == 0 {
		u.unused = time.Now()
		time.AfterFunc(bucketsRefill, func() { rs.forget(u) })
	}
}

// forget deletes a user that has had no relays for bucketsRefill.
func (rs *relays) forget(u *user) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if u.relays == 0 && time.Since(u.unused) >= bucketsRefill {
		delete(rs.users, u.id)
	}
}

// count returns the number of relays.
func (rs *relays) count() int {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return len(rs.byAddress)
}
