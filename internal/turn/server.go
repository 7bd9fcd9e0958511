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
	// realm is what passwords are for (RFC 8489, section 9.2).
	realm = "meet"
	// mostRelays bounds the relays; a call that needs them has two for each connection a browser tries.
	mostRelays = 4096
	// mostOfOne bounds those of one user, which are the two browsers of a call: each asks once for each of its networks and
	// each of our two ports, and once more when it has changed networks.
	mostOfOne = 32
)

// Options are what a Server may be told.
type Options struct {
	// RelayAddress is what relays seem to be on: this machine's own as others know it; one of its own unless set. Nothing is there
	// at the relays' ports, but browsers try.
	RelayAddress netip.Addr
	Log          *slog.Logger
}

// Server answers STUN and TURN.
type Server struct {
	server *turn.Server
	relays *relays
	secret []byte

	mu    sync.Mutex
	users map[string]int // relays of each
}

// Stats are a Server's figures of the moment.
type Stats struct {
	Relays int
}

// New serves on a socket of UDP and a listener of TCP, which it closes in the end. Its credentials are good as long as it
// runs.
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
	s := &Server{relays: newRelays(v4, v6, mostRelays), secret: make([]byte, 32), users: map[string]int{}}
	_, _ = rand.Read(s.secret) // it never fails
	var err error
	s.server, err = turn.NewServer(turn.ServerConfig{
		Realm:         realm,
		AuthHandler:   authenticate(s.secret, time.Now),
		QuotaHandler:  s.admits,
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
		return nil, fmt.Errorf("open TURN: %w", err)
	}
	return s, nil
}

// ownAddresses are one of each family that others may know this machine by, else those of loopback.
func ownAddresses() (v4, v6 netip.Addr) {
	addresses, _ := net.InterfaceAddrs() // none is as good as an error
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

// Credentials let somebody ask for relays, each of whom has a few.
func (s *Server) Credentials(who string) Credentials {
	return mint(s.secret, who, time.Now().Add(CredentialTTL))
}

// Stats tells how much there is to do.
func (s *Server) Stats() Stats { return Stats{Relays: s.relays.count()} }

// Close ends all relays and closes the sockets.
func (s *Server) Close() error {
	if err := s.server.Close(); err != nil {
		return fmt.Errorf("close TURN: %w", err)
	}
	return nil
}

// admits tells whether a user may have one more relay.
func (s *Server) admits(user, _ string, _ net.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[user] < mostOfOne
}

func (s *Server) created(_, _ net.Addr, _, user, _ string, _ net.Addr, _ int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[user]++
}

func (s *Server) deleted(_, _ net.Addr, _, user, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[user]--; s.users[user] <= 0 {
		delete(s.users, user)
	}
}
