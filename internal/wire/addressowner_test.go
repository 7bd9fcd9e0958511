package wire

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// reach returns those that a packet from the client's address reaches, by their fragments.
func (m *muxed) reach(b []byte) []string {
	to, sharers := m.route(b, m.address)
	var all []string
	for _, c := range append([]*UDPMuxedConn{to}, sharers...) {
		if c != nil {
			all = append(all, c.key.ufrag)
		}
	}
	return all
}

func (m *muxed) expectReach(when string, b []byte, want ...string) {
	m.t.Helper()
	if got := m.reach(b); !slices.Equal(got, want) {
		m.t.Errorf("%s: % x reaches %v, want %v", when, b, got, want)
	}
}

// handshake sends this side of a DTLS handshake to the client.
func (m *muxed) shakeHands(c *UDPMuxedConn, first, last netip.AddrPort) {
	m.t.Helper()
	for _, part := range []struct {
		epoch uint16
		to    netip.AddrPort
	}{{0, first}, {0, last}, {1, last}} {
		if _, err := c.WriteToAddrPort(dtlsRecord(recordHandshake, part.epoch, 40), part.to); err != nil {
			m.t.Fatal(err)
		}
	}
}

// TestSpoofedRequestTakesNoAddress: whoever makes its own connection answer requests from a participant's address,
// which need only be spoofed, gets copies of what comes from there and takes nothing, however long the participant
// sends no media.
func TestSpoofedRequestTakesNoAddress(t *testing.T) {
	m := newMuxed(t)
	now := time.Now()
	m.now = func() time.Time { return now }
	victim, attacker := m.open("victim"), m.open("attacker")
	m.send(request("victim"), victim)
	m.reply(victim)
	for range 10 { // a minute, in which the victim only asks whether the connection stands
		m.reply(attacker)
		m.expectReach("under attack", media, "victim", "attacker")
		m.expectReach("under attack", request("victim"), "victim")
		now = now.Add(6 * time.Second)
	}
	m.send(media, victim)
	m.shakeHands(attacker, netip.MustParseAddrPort("127.0.0.1:9"), m.address) // it has read the first part elsewhere
	m.expectReach("after a handshake at two addresses", media, "victim", "attacker")
	if err := attacker.Close(); err != nil {
		t.Fatal(err)
	}
	m.expectReach("after the attack", media, "victim")
}

// TestHandshakeOverTCPProvesNoAddress: who has exchanged a part of the handshake over TCP need not receive at the
// address.
func TestHandshakeOverTCPProvesNoAddress(t *testing.T) {
	m, s := newMuxed(t), newSplit(t, ProtocolMuxOptions{})
	m.SetTCPMux(s.TCPMux())
	victim, attacker := m.open("victim"), m.open("attacker")
	m.reply(victim)
	m.reply(attacker)
	tcp, err := s.TCPMux().GetConnByUfrag("attacker", false, net.IPv4(127, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, s)
	if _, err := c.Write(binding("attacker:x")); err != nil {
		t.Fatal(err)
	}
	_, from, err := tcp.ReadFrom(make([]byte, 1500))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tcp.WriteTo(dtlsRecord(recordHandshake, 0, 40), from); err != nil {
		t.Fatal(err)
	}
	m.shakeHands(attacker, m.address, m.address)
	m.expectReach("after a handshake over both", media, "victim", "attacker")
}

// TestHandshakeTakesTheAddressAtOnce: a client that has come back with the address of another completes a DTLS
// handshake over it, and has the address for itself at once.
func TestHandshakeTakesTheAddressAtOnce(t *testing.T) {
	m := newMuxed(t)
	first, second, third := m.open("first"), m.open("second"), m.open("third")
	m.reply(first)
	m.reply(second)
	m.reply(third)
	m.expectReach("before", handshake, "first", "second", "third")
	m.shakeHands(second, m.address, m.address)
	m.expectReach("after", media, "second", "third")
	if err := first.Close(); err != nil { // which does not take the address with it
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	m.expectReach("without the owner", media, "third")
}

// TestSilentOwnerIsReplaced: a client that has moved to the address of one that has vanished gets it for itself, when
// that one has missed its checks.
func TestSilentOwnerIsReplaced(t *testing.T) {
	m := newMuxed(t)
	now := time.Now()
	m.now = func() time.Time { return now }
	gone, moved := m.open("gone"), m.open("moved")
	m.reply(gone)
	m.reply(moved)
	now = now.Add(ownerSilence)
	m.reply(moved)
	m.expectReach("in time", media, "gone", "moved")
	now = now.Add(time.Nanosecond)
	if _, err := moved.WriteToAddrPort(request("theirs"), m.address); err != nil {
		t.Fatal(err)
	}
	m.expectReach("after a request of ours", media, "gone", "moved")
	m.reply(moved)
	m.expectReach("too late", media, "moved")
	m.reply(gone)
	m.expectReach("once it is back", media, "moved", "gone")
}

func TestSharersAreBounded(t *testing.T) {
	m := newMuxed(t)
	m.reply(m.open("owner"))
	var last *UDPMuxedConn
	for range 3 * maxSharers {
		last = m.open("x")
		m.reply(last)
	}
	if o := m.owners[m.address]; len(o.sharers) != maxSharers || o.sharers[maxSharers-1] != last {
		t.Errorf("%d sharers", len(o.sharers))
	}
	for port := range uint16(2 * maxOwned) {
		a := netip.AddrPortFrom(m.address.Addr(), 1000+port)
		m.claim(m.open("other"), a, true)
		m.claim(last, a, true)
	}
	if len(last.shared) != maxOwned {
		t.Errorf("one shares %d addresses", len(last.shared))
	}
	shares := 0
	for _, o := range m.owners {
		if slices.Contains(o.sharers, last) {
			shares++
		}
	}
	if shares != maxOwned {
		t.Errorf("%d addresses know it", shares)
	}
}
