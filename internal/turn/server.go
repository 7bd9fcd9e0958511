package turn

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/turn/v5"

	"meet/internal/pionlog"
)

const (
	// realm is the authentication realm that the server announces (RFC 8489, section 9.2).
	realm = "meet"
	// maxRelays bounds the relays of all users together.
	maxRelays = 4096
	// maxUserRelays bounds the relays of one user. Both browsers of a call are one user. Each browser allocates one relay
	// for each pair of its own network interfaces and the server's UDP and TCP ports. It allocates further relays when it
	// changes networks.
	maxUserRelays = 32
)

// Options configure a Server. The zero value is usable.
type Options struct {
	// RelayAddress is the IP address of all relays of its IP version in TURN messages. Browsers also try to send to it
	// directly, but nothing listens on the relays' ports. It should be this machine's public address; if zero, an address of
	// this machine is used.
	RelayAddress netip.Addr
	Log          *slog.Logger // nil discards all messages
}

// Server answers STUN and TURN requests.
type Server struct {
	server *turn.Server
	relays *relays
	secret []byte

	mu    sync.Mutex
	users map[string]int // number of relays by TURN user
}

// Stats are the current counts of a Server.
type Stats struct {
	Relays int // open TURN allocations
}

// New starts a Server on a UDP socket and a TCP listener, and takes ownership of both. Credentials are valid only for the
// Server that made them, and not after a restart.
func New(packets net.PacketConn, streams net.Listener, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	v4, v6 := ownAddresses()
	switch {
	case o.RelayAddress.Unmap().Is4():
		v4 = o.RelayAddress.Unmap()
	case o.RelayAddress.Is6():
		v6 = o.RelayAddress
	}
	s := &Server{relays: newRelays(v4, v6, maxRelays), secret: make([]byte, 32), users: map[string]int{}}
	_, _ = rand.Read(s.secret) // never fails (crypto/rand)
	var err error
	s.server, err = turn.NewServer(turn.ServerConfig{
		Realm:         realm,
		AuthHandler:   authenticate(s.secret, time.Now),
		QuotaHandler:  s.allowsRelay,
		EventHandler:  turn.EventHandler{OnAllocationCreated: s.created, OnAllocationDeleted: s.deleted},
		LoggerFactory: pionlog.Factory{Log: o.Log},
		PacketConnConfigs: []turn.PacketConnConfig{
			{PacketConn: packets, RelayAddressGenerator: s.relays, PermissionHandler: s.relays.permits},
		},
		ListenerConfigs: []turn.ListenerConfig{
			{Listener: streams, RelayAddressGenerator: s.relays, PermissionHandler: s.relays.permits},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("start the TURN server: %w", err)
	}
	return s, nil
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

// Credentials returns new credentials for the given TURN user. Relays can reach each other only if their users are equal, so
// both browsers of a call need the same user.
func (s *Server) Credentials(user string) Credentials {
	return mint(s.secret, user, time.Now().Add(CredentialTTL))
}

// Stats returns the current counts.
func (s *Server) Stats() Stats { return Stats{Relays: s.relays.count()} }

// Close closes the sockets and all relays.
func (s *Server) Close() error {
	if err := s.server.Close(); err != nil {
		return fmt.Errorf("close the TURN server: %w", err)
	}
	return nil
}

// allowsRelay reports whether user may allocate another relay.
func (s *Server) allowsRelay(user, _ string, _ net.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[user] < maxUserRelays
}

// created adds a new relay to the count of user.
func (s *Server) created(_, _ net.Addr, _, user, _ string, _ net.Addr, _ int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[user]++
}

// deleted removes a closed relay from the count of user.
func (s *Server) deleted(_, _ net.Addr, _, user, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[user]--; s.users[user] <= 0 {
		delete(s.users, user)
	}
}
