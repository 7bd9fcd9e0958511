package turn

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/pion/turn/v5"

	"meet/internal/pionlog"
)

// realm is the authentication realm that the server announces (RFC 8489, section 9.2).
const realm = "meet"

// Options configure a Server. The zero value is usable.
type Options struct {
	// DirectAddress is the IP address of all relays of direct calls of its IP version in TURN messages. The other browser
	// also tries to send to it directly, but nothing listens on the relays' ports. It should be this machine's public
	// address. If it is zero, each call uses an address that this machine has when the call gets its first relay.
	DirectAddress netip.Addr
	// Media is the media socket with which the relays of participants exchange packets. Present reports whether the
	// participant to which Server.ParticipantCredentials has been given is still in its room. If one of them is nil,
	// participants cannot allocate relays.
	Media   Media
	Present func(participant string) bool
	Log     *slog.Logger // nil discards all messages
}

// Server answers STUN and TURN requests.
type Server struct {
	server   *turn.Server
	listener *listener
	relays   *relays
	secret   []byte
	now      func() time.Time // time.Now, except in tests
}

// Stats are the current counts of a Server.
type Stats struct {
	Relays int // open TURN allocations
	// BytesSent are the bytes that clients have sent through relays since the start. BytesReceived are the bytes that
	// participants have received through relays.
	BytesSent, BytesReceived uint64
}

// New starts a Server on a UDP socket and a TCP listener, and takes ownership of both. Credentials are valid only for the
// Server that made them, and not after a restart.
func New(packets net.PacketConn, streams net.Listener, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{listener: newListener(streams), relays: newRelays(o, maxRelays), secret: make([]byte, 32), now: time.Now}
	_, _ = rand.Read(s.secret) // never fails (crypto/rand)
	var err error
	s.server, err = turn.NewServer(turn.ServerConfig{
		Realm:         realm,
		AuthHandler:   s.authenticate,
		QuotaHandler:  s.relays.mayAllocate,
		EventHandler:  turn.EventHandler{OnAllocationCreated: s.relays.allocated},
		LoggerFactory: pionlog.Factory{Log: o.Log},
		PacketConnConfigs: []turn.PacketConnConfig{
			{PacketConn: packets, RelayAddressGenerator: s.relays, PermissionHandler: s.relays.permits},
		},
		ListenerConfigs: []turn.ListenerConfig{
			{Listener: s.listener, RelayAddressGenerator: s.relays, PermissionHandler: s.relays.permits},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("start the TURN server: %w", err)
	}
	return s, nil
}

// DirectCredentials returns new credentials for a direct call. Relays can reach each other only if they belong to the same
// call, so both browsers need credentials for it.
func (s *Server) DirectCredentials(call string) Credentials {
	return mint(s.secret, directUsername(call, s.now().Add(CredentialTTL)))
}

// ParticipantCredentials returns the credentials of a participant of a room. They are valid as long as Options.Present
// returns true for the participant. The participant's ID is part of the username, which is not encrypted on the network.
func (s *Server) ParticipantCredentials(participant string) Credentials {
	return mint(s.secret, participantPrefix+participant)
}

// Deliver passes the packet b from the media socket to the relay of a participant with the address to. It does not block. It
// drops packets to other addresses.
func (s *Server) Deliver(b []byte, to netip.AddrPort) {
	if r := s.relays.at(to); r != nil {
		r.receiveFromMedia(b)
	}
}

// Stats returns the current counts.
func (s *Server) Stats() Stats {
	return Stats{Relays: s.relays.count(), BytesSent: s.relays.bytesSent.Load(), BytesReceived: s.relays.bytesReceived.Load()}
}

// Close closes the sockets and the TCP connections, which ends all relays. It waits for the goroutines of the TCP
// connections.
func (s *Server) Close() error {
	err := s.server.Close()
	s.listener.serving.Wait()
	if err != nil {
		return fmt.Errorf("close the TURN server: %w", err)
	}
	return nil
}
