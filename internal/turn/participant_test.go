package turn

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/turn/v5"
	"golang.org/x/time/rate"
)

// fakeMedia is a media socket that clients are offered at address. It returns the packets from relays to their senders.
type fakeMedia struct {
	server  atomic.Pointer[Server]
	address netip.AddrPort
	packets atomic.Int64 // number of packets from relays
}

func (m *fakeMedia) LocalAddr() net.Addr {
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.IPv4Unspecified(), m.address.Port()))
}

func (m *fakeMedia) HasAddress(ip netip.Addr) bool { return ip == m.address.Addr() }

func (m *fakeMedia) Deliver(b []byte, relay netip.AddrPort) {
	m.packets.Add(1)
	m.server.Load().Deliver(b, relay)
}

// peer is an address as a net.PacketConn, for send and receive.
type peer struct {
	net.PacketConn
	address *net.UDPAddr
}

func (p peer) LocalAddr() net.Addr { return p.address }

// serveRoom starts a Server with a fake media socket. The participants whose names begin with "here" are present.
func serveRoom(t *testing.T) (s *Server, address string, media *fakeMedia, mediaPeer peer) {
	t.Helper()
	media = &fakeMedia{address: netip.MustParseAddrPort("198.51.100.1:7880")}
	present := func(user string) bool { return strings.HasPrefix(user, "here") }
	s, address = serveWith(t, Options{DirectAddress: netip.MustParseAddr("203.0.113.1"), Media: media, Present: present})
	media.server.Store(s)
	return s, address, media, peer{address: net.UDPAddrFromAddrPort(media.address)}
}

func TestParticipantExchangesPacketsWithTheMediaSocket(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			s, address, _, media := serveRoom(t)
			relay := allocate(t, browser(t, network, address, s.ParticipantCredentials("here")))
			if host, _, _ := net.SplitHostPort(relay.LocalAddr().String()); host != ParticipantV4.String() {
				t.Errorf("the relay has the address %v", relay.LocalAddr())
			}
			for _, text := range []string{"hello 1", "hello 2", "hello 3"} { // the first binds a channel, the others use it
				send(t, relay, media, text)
				receive(t, relay, media, text)
			}
			if got := s.Stats(); got.Relays != 1 || got.BytesSent != 21 || got.BytesReceived != 21 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// All of these addresses are of interest to an attacker. None of them may receive a packet.
func TestParticipantReachesNothingButTheMediaSocket(t *testing.T) {
	s, address, media, mediaPeer := serveRoom(t)
	victim, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = victim.Close() })
	client := browser(t, "udp", address, s.ParticipantCredentials("here"))
	relay := allocate(t, client)
	for _, ip := range []string{"127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "198.51.100.2", "192.0.0.8", "224.0.0.1"} {
		if err := client.CreatePermission(&net.UDPAddr{IP: net.ParseIP(ip), Port: 7880}); err == nil {
			t.Errorf("the relay may send to %s", ip)
		}
	}
	_, _ = relay.WriteTo([]byte("to a socket"), victim.LocalAddr())
	send(t, relay, peer{address: &net.UDPAddr{IP: mediaPeer.address.IP, Port: 22}}, "to another port")
	send(t, relay, mediaPeer, "round trip") // by then the server has handled the other packets
	receive(t, relay, mediaPeer, "round trip")
	if got := media.packets.Load(); got != 1 {
		t.Errorf("the media socket got %d packets, want 1", got)
	}
	_ = victim.SetReadDeadline(time.Now())
	if n, _, err := victim.ReadFrom(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes reached a socket", n)
	}
}

// The two participants know each other's relay addresses, and one of them is also in a direct call.
func TestParticipantReachesNoOtherRelay(t *testing.T) {
	s, address, media, _ := serveRoom(t)
	ada := allocate(t, browser(t, "udp", address, s.ParticipantCredentials("here 1")))
	adaToo := allocate(t, browser(t, "udp", address, s.ParticipantCredentials("here 1")))
	bo := allocate(t, browser(t, "udp", address, s.ParticipantCredentials("here 2")))
	direct := allocate(t, browser(t, "udp", address, s.DirectCredentials("here 1")))
	for _, to := range []net.PacketConn{adaToo, bo, direct} {
		_, _ = ada.WriteTo([]byte("intrusion"), to.LocalAddr()) // may fail, because there is no permission
		_, _ = direct.WriteTo([]byte("intrusion"), to.LocalAddr())
	}
	_, _ = direct.WriteTo([]byte("intrusion"), net.UDPAddrFromAddrPort(media.address))
	for _, to := range []net.PacketConn{adaToo, bo} {
		_ = to.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, from, err := to.ReadFrom(make([]byte, 100)); err == nil {
			t.Errorf("%d bytes from %v", n, from)
		}
	}
	if got := media.packets.Load(); got != 0 {
		t.Errorf("the media socket got %d packets", got)
	}
}

func TestCredentialsOfParticipantEndWithItsPresence(t *testing.T) {
	here := true
	s := &Server{secret: []byte("secret"), now: time.Now}
	s.relays = newRelays(Options{Media: &fakeMedia{}, Present: func(user string) bool { return here && user == "ada" }}, 1)
	valid := func(user string) bool {
		_, _, ok := s.authenticate(&turn.RequestAttributes{Username: s.ParticipantCredentials(user).Username, Realm: realm})
		return ok
	}
	if !valid("ada") || valid("bo") || valid("") {
		t.Error("presence does not decide about credentials")
	}
	if here = false; valid("ada") {
		t.Error("a participant that has left can use relays")
	}
}

func TestRelayEndsAfterItsParticipantHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var here atomic.Bool
		here.Store(true)
		rs := newRelays(Options{Media: &fakeMedia{}, Present: func(string) bool { return here.Load() }}, 2)
		r, _, err := rs.AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp4", UserID: participantPrefix + "ada"})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { // ends with the relay
			_, _, err := r.ReadFrom(make([]byte, 100))
			ended <- err
		}()
		time.Sleep(5 * presenceInterval)
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("the relay of a present participant ended: %v", err)
		default:
		}
		here.Store(false)
		time.Sleep(presenceInterval)
		synctest.Wait()
		select {
		case err := <-ended:
			if err == nil {
				t.Error("got a packet")
			}
		default:
			t.Error("the relay has not ended")
		}
		if err := r.Close(); err != nil || rs.count() != 0 {
			t.Errorf("%v, %d relays", err, rs.count())
		}
	})
}

func TestBandwidthOfParticipantIsLimitedInBothDirections(t *testing.T) {
	media := &fakeMedia{address: netip.MustParseAddrPort("198.51.100.1:7880")}
	s := &Server{relays: newRelays(Options{Media: media, Present: func(string) bool { return true }}, 2)}
	media.server.Store(s)
	conn, _, err := s.relays.AllocatePacketConn(turn.AllocateListenerConfig{Network: "udp4", UserID: participantPrefix + "ada"})
	if err != nil {
		t.Fatal(err)
	}
	r := conn.(*relay)
	r.user.sent, r.user.received = rate.NewLimiter(0, 10_000), rate.NewLimiter(0, 3000)
	for range 50 {
		if _, err := r.WriteTo(make([]byte, 1000), net.UDPAddrFromAddrPort(media.address)); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Stats(); got.BytesSent != 10_000 || got.BytesReceived != 3000 {
		t.Errorf("%+v, want 10 packets sent and 3 received", got)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestNumberOfRelaysOfParticipantIsLimited(t *testing.T) {
	s, address, _, _ := serveRoom(t)
	c := s.ParticipantCredentials("here")
	for range maxUserRelays {
		allocate(t, browser(t, "udp", address, c))
	}
	if _, err := browser(t, "udp", address, c).Allocate(); err == nil || !strings.Contains(err.Error(), "486") {
		t.Errorf("allocation beyond maxUserRelays: %v", err)
	}
	allocate(t, browser(t, "udp", address, s.ParticipantCredentials("here too"))) // others are not affected
}

func TestURLsEndWithTheTransportThatPassesMostFirewalls(t *testing.T) {
	plain := []string{"turn:[2001:db8::1]:443?transport=udp", "turn:[2001:db8::1]:443?transport=tcp"}
	if got := URLs("2001:db8::1", 443, "", 0); !slices.Equal(got, plain) {
		t.Error(got)
	}
	if got := URLs("203.0.113.7", 8080, "meet.example.org", 443); len(got) != 3 || got[1] != "turn:203.0.113.7:8080?transport=tcp" || got[2] != "turns:meet.example.org:443?transport=tcp" {
		t.Error(got)
	}
}
