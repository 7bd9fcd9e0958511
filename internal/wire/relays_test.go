package wire

import (
	"net/netip"
	"testing"
	"time"
)

// relay4 is the address of a relay.
var relay4 = netip.MustParseAddrPort("192.0.0.8:50000")

// relayed is a packet to a relay.
type relayed struct {
	packet string
	to     netip.AddrPort
}

// newRelayedMux returns a UDPMux with relays, and the packets that are sent to them.
func newRelayedMux(t *testing.T) (*UDPMux, <-chan relayed) {
	t.Helper()
	sent := make(chan relayed, 10)
	m := NewUDPMux(listen(t, "udp4", "127.0.0.1:0", Options{Relays: Relays{
		V4: relay4.Addr(), V6: netip.MustParseAddr("100::1"),
		Deliver: func(b []byte, to netip.AddrPort) { sent <- relayed{string(b), to} },
	}}))
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, sent
}

func TestPacketsToAndFromRelaysBypassTheSocket(t *testing.T) {
	m, sent := newRelayedMux(t)
	conn, err := m.GetConn("ada", m.LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	c := conn.(*UDPMuxedConn)
	for _, packet := range []string{string(request("ada")), "\x80 media"} {
		m.Deliver([]byte(packet), relay4)
		b := make([]byte, 1500)
		n, from, err := c.ReadFromAddrPort(b)
		if err != nil || from != relay4 || string(b[:n]) != packet {
			t.Fatalf("got %q from %v, %v", b[:n], from, err)
		}
		if _, err := c.WriteToAddrPort(answer(), relay4); err != nil { // makes c the owner of the address
			t.Fatal(err)
		}
		if got := <-sent; got != (relayed{string(answer()), relay4}) {
			t.Errorf("the relay got %+v", got)
		}
	}
	if out := m.conn.Stats().PacketsOut; out != 0 {
		t.Errorf("%d packets were sent through the socket", out)
	}
	m.Deliver([]byte("\x80 media"), netip.MustParseAddrPort("192.0.0.8:50001")) // has no owner
	m.Deliver(request("")[:stunHeader], relay4)                                 // for the STUN server
	m.Deliver([]byte{0x40, 0, 0, 0}, relay4)                                    // for the TURN server
	m.Deliver(make([]byte, maxDatagramIn+1), relay4)
	select {
	case d := <-c.in:
		t.Errorf("got %q from %v", d.buffer[:d.n], d.from)
	default:
	}
}

func TestPacketsOfRelaysThatFindNoRoomAreCounted(t *testing.T) {
	m, _ := newRelayedMux(t)
	if _, err := m.GetConn("ada", m.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	for range datagramQueue + 3 { // nobody reads
		m.Deliver(request("ada"), relay4)
	}
	if got := m.conn.Stats().Dropped; got != 3 {
		t.Errorf("%d packets are counted as dropped, want 3", got)
	}
}

// Everybody can send packets with a forged source address.
func TestPacketsFromTheNetworkCannotClaimToComeFromARelay(t *testing.T) {
	sent := make(chan struct{}, 1)
	c := listen(t, "udp4", "127.0.0.1:0", Options{Relays: Relays{
		V4: netip.MustParseAddr("127.0.0.2"), Deliver: func([]byte, netip.AddrPort) { sent <- struct{}{} },
	}})
	forger, honest := listen(t, "udp4", "127.0.0.2:0", Options{}), listen(t, "udp4", "127.0.0.1:0", Options{})
	for sender, text := range map[*PacketConn]string{forger: "forged", honest: "honest"} {
		for range 3 {
			if _, err := sender.WriteTo([]byte(text), c.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 100)
	for range 3 {
		if n, _, err := c.ReadFromAddrPort(b); err != nil || string(b[:n]) != "honest" {
			t.Fatalf("got %q, %v", b[:n], err)
		}
	}
	for c.Stats().PacketsIn < 6 { // the last may be forged
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if n, _, err := c.ReadFromAddrPort(b); err == nil {
			t.Errorf("got %q", b[:n])
		}
	}
	if len(sent) > 0 {
		t.Error("a relay was sent a packet")
	}
}

func TestMuxHasTheAddressesOfItsOpenConnections(t *testing.T) {
	m, _ := newRelayedMux(t)
	loopback, other := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	has := func(want bool) {
		t.Helper()
		if m.HasAddress(loopback) != want || m.HasAddress(other) {
			t.Errorf("127.0.0.1: %v, 127.0.0.2: %v", m.HasAddress(loopback), m.HasAddress(other))
		}
	}
	has(false)
	for _, ufrag := range []string{"ada", "bo", "bo"} {
		if _, err := m.GetConn(ufrag, m.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	m.RemoveConnByUfrag("bo")
	has(true)
	m.RemoveConnByUfrag("ada")
	has(false)
}
