package wire

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// receivers returns the username fragments of the connections that receive a packet b from the client. The sharers come
// last.
func (m *muxed) receivers(b []byte) []string {
	to, sharers := m.route(b, m.address)
	var all []string
	for _, c := range append([]*UDPMuxedConn{to}, sharers...) {
		if c != nil {
			all = append(all, c.key.ufrag)
		}
	}
	return all
}

// expectReceivers checks that m.receivers(b) returns the list want. Failure messages contain the text situation.
func (m *muxed) expectReceivers(situation string, b []byte, want ...string) {
	m.t.Helper()
	if got := m.receivers(b); !slices.Equal(got, want) {
		m.t.Errorf("%s: % x is received by %v, want %v", situation, b, got, want)
	}
}

// shakeHands sends the server's side of a DTLS handshake on c. It sends one plaintext record to addr1. Then it sends one
// plaintext record and one encrypted record to addr2.
func (m *muxed) shakeHands(c *UDPMuxedConn, addr1, addr2 netip.AddrPort) {
	m.t.Helper()
	for _, part := range []struct {
		epoch uint16
		to    netip.AddrPort
	}{{0, addr1}, {0, addr2}, {1, addr2}} {
		if _, err := c.WriteToAddrPort(dtlsRecord(recordHandshake, part.epoch, 40), part.to); err != nil {
			m.t.Fatal(err)
		}
	}
}

// An attacker sends requests for its own connection with the spoofed address of a victim, and the server responds to them.
// The attacker's connection then receives copies of the victim's packets. But the victim's connection must stay the owner of
// the address, even if the victim sends no media for a minute.
func TestICERequestFromSpoofedAddressDoesNotTakeOverThatAddress(t *testing.T) {
	m := newMuxed(t)
	now := time.Now()
	m.now = func() time.Time { return now }
	victim, attacker := m.open("victim"), m.open("attacker")
	m.send(request("victim"), victim)
	m.reply(victim)
	for range 10 { // a minute in which the victim sends only connectivity checks
		m.reply(attacker)
		m.expectReceivers("under attack", media, "victim", "attacker")
		m.expectReceivers("under attack", request("victim"), "victim")
		now = now.Add(6 * time.Second)
	}
	m.send(media, victim)
	m.shakeHands(attacker, netip.MustParseAddrPort("127.0.0.1:9"), m.address) // sends the first part to another address
	m.expectReceivers("after a handshake at two addresses", media, "victim", "attacker")
	if err := attacker.Close(); err != nil {
		t.Fatal(err)
	}
	m.expectReceivers("after the attack", media, "victim")
}

// A client that received a part of the DTLS handshake over TCP has not proved that it receives UDP packets at the address.
// So its connection must not become the owner of the address.
func TestDTLSHandshakePartlyOverTCPDoesNotTakeOverUDPAddress(t *testing.T) {
	m, s := newMuxed(t), newTestMux(t, ProtocolMuxOptions{})
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
	m.expectReceivers("after a handshake over UDP and TCP", media, "victim", "attacker")
}

// A client reconnects and has an address that another client had before. It completes a DTLS handshake, so its connection
// becomes the owner of the address.
func TestCompletedDTLSHandshakeTakesOverTheRemoteAddress(t *testing.T) {
	m := newMuxed(t)
	first, second, third := m.open("first"), m.open("second"), m.open("third")
	m.reply(first)
	m.reply(second)
	m.reply(third)
	m.expectReceivers("before", handshake, "first", "second", "third")
	m.shakeHands(second, m.address, m.address)
	m.expectReceivers("after", media, "second", "third")
	if err := first.Close(); err != nil { // must not release the address
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	m.expectReceivers("without the owner", media, "third")
}

// A client has disappeared and sends no more requests, and another client is given its address. After ownerSilence, the
// connection of the other client must become the owner of the address.
func TestRemoteAddressIsTakenOverFromSilentConnection(t *testing.T) {
	m := newMuxed(t)
	now := time.Now()
	m.now = func() time.Time { return now }
	gone, moved := m.open("gone"), m.open("moved")
	m.reply(gone)
	m.reply(moved)
	now = now.Add(ownerSilence)
	m.reply(moved)
	m.expectReceivers("within ownerSilence", media, "gone", "moved")
	now = now.Add(time.Nanosecond)
	if _, err := moved.WriteToAddrPort(request("theirs"), m.address); err != nil {
		t.Fatal(err)
	}
	m.expectReceivers("after a request of the server", media, "gone", "moved")
	m.reply(moved)
	m.expectReceivers("after ownerSilence", media, "moved")
	m.reply(gone)
	m.expectReceivers("after the former owner has come back", media, "moved", "gone")
}

func TestNumberOfConnectionsSharingARemoteAddressIsBounded(t *testing.T) {
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
		t.Errorf("a connection shares %d addresses", len(last.shared))
	}
	shares := 0
	for _, o := range m.owners {
		if slices.Contains(o.sharers, last) {
			shares++
		}
	}
	if shares != maxOwned {
		t.Errorf("%d addresses have the connection as a sharer", shares)
	}
}
