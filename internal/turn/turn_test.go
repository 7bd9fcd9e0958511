package turn

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
	"go.uber.org/goleak"

	"meet/internal/netaddr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a Server on one loopback port for UDP and TCP, and returns it with the address of the port.
func serve(t *testing.T) (*Server, string) {
	return serveWith(t, Options{DirectAddress: netip.MustParseAddr("127.0.0.1")})
}

// serveWith is like serve, with options.
func serveWith(t *testing.T, o Options) (*Server, string) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(udp, tcp, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) { // a test may have closed it
			t.Error(err)
		}
	})
	return s, tcp.Addr().String()
}

// browser returns a TURN client that uses UDP or TCP.
func browser(t *testing.T, network, address string, c Credentials) *turn.Client {
	t.Helper()
	var conn net.PacketConn
	var err error
	if network == "tcp" {
		stream, dialErr := net.Dial("tcp", address)
		conn, err = turn.NewSTUNConn(stream), dialErr
	} else {
		conn, err = net.ListenPacket("udp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: address, TURNServerAddr: address, Conn: conn, Username: c.Username, Password: c.Password, RTO: time.Second,
	})
	if err == nil {
		err = client.Listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		_ = conn.Close()
	})
	return client
}

// allocate allocates a relay for c.
func allocate(t *testing.T, c *turn.Client) net.PacketConn {
	t.Helper()
	relay, err := c.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Close() })
	return relay
}

// send sends text from one relay to another.
func send(t *testing.T, from, to net.PacketConn, text string) {
	t.Helper()
	if _, err := from.WriteTo([]byte(text), to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
}

// receive reads the next packet from relay. It checks that the content is want, and that the sender is source, which is
// another relay.
func receive(t *testing.T, relay, source net.PacketConn, want string) {
	t.Helper()
	buf := make([]byte, 1500)
	_ = relay.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, sender, err := relay.ReadFrom(buf)
	if err != nil || string(buf[:n]) != want || sender.String() != source.LocalAddr().String() {
		t.Fatalf("got %q from %v, %v, want %q from %v", buf[:n], sender, err, want, source.LocalAddr())
	}
}

// One client uses UDP, the other TCP.
func TestRelaysForwardPacketsOverUDPAndTCP(t *testing.T) {
	s, address := serve(t)
	ada, bo := browser(t, "udp", address, s.DirectCredentials("call")), browser(t, "tcp", address, s.DirectCredentials("call"))
	if seen, err := ada.SendBindingRequest(); err != nil || !strings.HasPrefix(seen.String(), "127.0.0.1:") {
		t.Errorf("STUN says %v, %v", seen, err)
	}
	a, b := allocate(t, ada), allocate(t, bo)
	if got := s.Stats().Relays; got != 2 {
		t.Errorf("%d relays, want 2", got)
	}
	for range 3 { // the first binds a channel, the others use it
		send(t, b, a, "creates the permission") // sending to a creates the permission of b for packets from a
		send(t, a, b, "hello")
		receive(t, b, a, "hello")
		send(t, b, a, "and you")
		skipTo(t, a, "and you")
	}
	for _, relay := range []net.PacketConn{a, b} {
		if err := relay.Close(); err != nil {
			t.Error(err)
		}
	}
	awaitNone(t, s)
}

// skipTo reads packets from relay until the content of one is want.
func skipTo(t *testing.T, relay net.PacketConn, want string) {
	t.Helper()
	buf := make([]byte, 1500)
	_ = relay.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		n, _, err := relay.ReadFrom(buf)
		if err != nil {
			t.Fatalf("waited for %q: %v", want, err)
		}
		if string(buf[:n]) == want {
			return
		}
	}
}

// awaitNone waits until s has no relays and has forgotten all users.
func awaitNone(t *testing.T, s *Server) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	left := func() int {
		s.relays.mu.RLock()
		defer s.relays.mu.RUnlock()
		return len(s.relays.byAddress) + len(s.relays.users) + len(s.relays.directs) + len(s.relays.byNetwork)
	}
	for tick := time.Tick(5 * time.Millisecond); left() > 0; {
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("%d relays, users and addresses are still there", left())
		}
	}
}

func TestCloseEndsConnectionsOverTCP(t *testing.T) {
	s, address := serve(t)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	request := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
	if _, err := conn.Write(request.Raw); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Read(make([]byte, 1500)); err != nil { // by then the server has accepted the connection
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(s.listener.conns) > 0 {
		t.Error("Close has not waited for the connection's goroutine")
	}
	if _, err := conn.Read(make([]byte, 1500)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after Close: %v", err)
	}
}

func TestRelaysOfOnePublicAddressAreLimited(t *testing.T) {
	rs := newRelays(Options{DirectAddress: netip.MustParseAddr("127.0.0.1")}, 2)
	r, relayed, err := rs.AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp4", UserID: "direct:call"})
	if err != nil {
		t.Fatal(err)
	}
	client, other := &net.UDPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 2}
	rs.byNetwork[publicNetwork(client)] = maxAddressRelays - 1
	rs.allocated(client, nil, "", "", "", relayed, 0)
	if neighbour := (&net.UDPAddr{IP: net.ParseIP("2001:db8::2")}); rs.mayAllocate("direct:other", realm, neighbour) {
		t.Error("the address may have more relays than maxAddressRelays")
	}
	if !rs.mayAllocate("direct:other", realm, other) || !rs.mayAllocate("direct:other", realm, &net.UDPAddr{IP: net.IPv4(203, 0, 113, 1)}) {
		t.Error("other addresses are limited too")
	}
	_ = r.Close()
	if !rs.mayAllocate("direct:other", realm, client) {
		t.Error("the closed relay is still counted")
	}
}

// A client must not get full token buckets by allocating a new relay.
func TestTokenBucketsOutliveTheLastRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := newRelays(Options{}, 1)
		allocate := func() *relay {
			r, _, err := rs.AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp4", UserID: "direct:call"})
			if err != nil {
				t.Fatal(err)
			}
			return r.(*relay)
		}
		first := allocate()
		first.user.sent.AllowN(time.Now(), bandwidthBurst)
		_ = first.Close()
		time.Sleep(bucketsRefill / 2)
		second := allocate()
		if second.user.sent.AllowN(time.Now(), bandwidthBurst) {
			t.Error("the bucket is full again after half the time")
		}
		_ = second.Close()
		time.Sleep(2 * bucketsRefill)
		synctest.Wait()
		if len(rs.users) > 0 {
			t.Error("the user is not forgotten")
		}
	})
}

func TestRelaysOfDirectCallsHaveAnAddressOfThisMachine(t *testing.T) {
	own, err := netaddr.Own()
	if err != nil {
		t.Fatal(err)
	}
	rs := newRelays(Options{}, 1)
	r, _, err := rs.AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp4", UserID: "direct:call"})
	if err != nil {
		t.Fatal(err)
	}
	address := r.LocalAddr().(*net.UDPAddr)
	if !slices.Contains(own, address.AddrPort().Addr().Unmap()) {
		t.Errorf("%v is not an address of this machine", address)
	}
	if !rs.permits(nil, address.IP) {
		t.Error("a client may not send to a relay")
	}
	if _ = r.Close(); rs.permits(nil, address.IP) {
		t.Error("a client may send to the address after the last relay has closed")
	}
}

// A relay must not send to any address but those of relays, even if the client has a permission for the address.
func TestRelaySendsOnlyToRelaysOfTheSameServer(t *testing.T) {
	s, address := serve(t)
	victim, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = victim.Close() })
	ada := browser(t, "udp", address, s.DirectCredentials("ada"))
	relay := allocate(t, ada)
	send(t, relay, victim, "to the same address, and a port that is no relay's")
	if err := ada.CreatePermission(&net.UDPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 53}); err == nil {
		t.Error("permission for an address that is no relay's was granted")
	}
	bo := allocate(t, browser(t, "udp", address, s.DirectCredentials("ada")))
	send(t, bo, relay, "open")
	send(t, relay, bo, "round trip") // by then the server has handled the packet to victim
	skipTo(t, bo, "round trip")
	_ = victim.SetReadDeadline(time.Now())
	if n, _, err := victim.ReadFrom(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes reached a socket that is no relay", n)
	}
}

// The victim has a permission for the IP address that all relays share.
func TestRelayReceivesNothingFromAnotherSession(t *testing.T) {
	s, address := serve(t)
	victim := allocate(t, browser(t, "udp", address, s.DirectCredentials("call")))
	friend := allocate(t, browser(t, "udp", address, s.DirectCredentials("call")))
	attacker := allocate(t, browser(t, "udp", address, s.DirectCredentials("another call")))
	send(t, victim, friend, "permission for the address")
	send(t, attacker, victim, "from outside")
	send(t, victim, attacker, "from inside")
	for range 3 { // friend's packet arrives after those of attacker, because the server handles both in order
		send(t, attacker, victim, "from outside")
		send(t, friend, victim, "from the call")
		receive(t, victim, friend, "from the call")
	}
	_ = attacker.SetReadDeadline(time.Now())
	if n, from, err := attacker.ReadFrom(make([]byte, 1500)); err == nil {
		t.Errorf("%d bytes from %v reached the relay of another session", n, from)
	}
}

func TestAllocationFailsForBadCredentialsOrTooManyRelays(t *testing.T) {
	s, address := serve(t)
	for name, c := range map[string]Credentials{
		"wrong password": {s.DirectCredentials("ada").Username, "guess"},
		"expired":        mint(s.secret, directUsername("ada", time.Now().Add(-time.Second))),
		"no name":        mint(s.secret, directUsername("", time.Now().Add(time.Hour))),
		"no time":        mint(s.secret, "ada"),
		"participant":    s.ParticipantCredentials("ada"), // the server has no rooms
	} {
		if relay, err := browser(t, "udp", address, c).Allocate(); err == nil {
			t.Errorf("%s: got a relay", name)
			_ = relay.Close()
		}
	}
	c := s.DirectCredentials("greedy")
	for range maxUserRelays {
		allocate(t, browser(t, "udp", address, c))
	}
	if _, err := browser(t, "udp", address, c).Allocate(); err == nil || !strings.Contains(err.Error(), "486") {
		t.Errorf("allocation beyond maxUserRelays: %v", err)
	}
}

func TestExpiredCredentialsKeepRelaysButCannotAllocateNewOnes(t *testing.T) {
	now := time.Now()
	s := &Server{relays: newRelays(Options{}, 1), secret: []byte("secret"), now: func() time.Time { return now }}
	c := s.DirectCredentials("ada")
	may := func(method stun.Method) bool {
		user, key, ok := s.authenticate(&turn.RequestAttributes{Username: c.Username, Realm: realm, Method: method})
		return ok && user == "direct:ada" && string(key) == string(turn.GenerateAuthKey(c.Username, realm, c.Password))
	}
	if !may(stun.MethodAllocate) {
		t.Error("valid credentials are refused")
	}
	now = now.Add(CredentialTTL)
	if may(stun.MethodAllocate) {
		t.Error("expired credentials can allocate a relay")
	}
	if !may(stun.MethodRefresh) || !may(stun.MethodChannelBind) {
		t.Error("expired credentials cannot refresh a relay")
	}
	if now = now.Add(maxCall); may(stun.MethodRefresh) {
		t.Error("a relay can be refreshed for ever")
	}
}

func TestNumberOfRelaysAndRelayQueueSizeAreBounded(t *testing.T) {
	rs := newRelays(Options{DirectAddress: netip.MustParseAddr("127.0.0.1")}, 1)
	r, _, err := rs.AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp4"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := rs.AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp4"}); err == nil {
		t.Error("a relay beyond the limit was allocated")
	}
	for range 2 * relayQueue / 1000 { // nobody reads
		if _, err := r.WriteTo(make([]byte, 1000), r.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.(*relay).queue.Size(); got > relayQueue {
		t.Errorf("%d bytes queued, want at most %d", got, relayQueue)
	}
	if err := r.Close(); err != nil || rs.count() != 0 {
		t.Errorf("%v, %d relays after the last has closed", err, rs.count())
	}
}
