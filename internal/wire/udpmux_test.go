package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// request returns a STUN Binding request that a client sends to the server. ufrag is the server's username fragment.
func request(ufrag string) []byte { return binding(ufrag + ":theirs")[2:] }

// answer returns the Binding success response of the server.
func answer() []byte {
	m := request("")
	binary.BigEndian.PutUint16(m, stunBindingSuccess)
	return m
}

// muxed is a UDPMux with a client.
type muxed struct {
	t testing.TB
	*UDPMux
	client  *net.UDPConn
	address netip.AddrPort // of the client
}

// newMuxed returns a UDPMux on a loopback socket and a client socket. The cleanup of the test closes both.
func newMuxed(t testing.TB) *muxed {
	t.Helper()
	m := NewUDPMux(listen(t, "udp4", "127.0.0.1:0", Options{}))
	client, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), client.Close()); err != nil {
			t.Error(err)
		}
	})
	return &muxed{t, m, client, addrPort(client)}
}

// open returns a connection for ufrag.
func (m *muxed) open(ufrag string) *UDPMuxedConn {
	m.t.Helper()
	c, err := m.GetConn(ufrag, m.LocalAddr())
	if err != nil {
		m.t.Fatal(err)
	}
	return c.(*UDPMuxedConn)
}

// send sends b from the client and returns the connection in conns that receives it.
func (m *muxed) send(b []byte, conns ...*UDPMuxedConn) *UDPMuxedConn {
	m.t.Helper()
	if _, err := m.client.WriteToUDPAddrPort(b, addrPort(m.conn)); err != nil {
		m.t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, c := range conns {
			if len(c.in) == 0 {
				continue
			}
			got := make([]byte, maxDatagramIn)
			n, from, err := c.ReadFromAddrPort(got)
			if err != nil || string(got[:n]) != string(b) || from != m.address {
				m.t.Fatalf("read %x from %s, %v", got[:n], from, err)
			}
			return c
		}
	}
	m.t.Fatalf("no connection receives %x", b)
	return nil
}

// reply sends a Binding success response to the client on c.
func (m *muxed) reply(c *UDPMuxedConn) {
	m.t.Helper()
	if _, err := c.WriteToAddrPort(answer(), m.address); err != nil {
		m.t.Fatal(err)
	}
}

var (
	media     = []byte{0x80, 96, 0, 1}
	handshake = dtlsRecord(recordHandshake, 0, 20)
)

// A packet that is not a request must go to the connection that has sent a response to the client.
func TestICERequestGoesToTheConnectionOfItsUfrag(t *testing.T) {
	m := newMuxed(t)
	a, b := m.open("a"), m.open("b")
	if m.send(request("a"), a, b) != a || m.send(request("b"), a, b) != b {
		t.Error("a request was received by the wrong connection")
	}
	m.reply(b)
	if m.send(media, a, b) != b || m.send(handshake, a, b) != b || m.send(request("a"), a, b) != a {
		t.Error("a packet after a reply was received by the wrong connection")
	}
	// A second connection of the same fragment, for another address of this machine, receives packets after the first is
	// closed.
	second := m.open("b")
	if m.send(request("b"), b, second) != b {
		t.Error("a request was not received by the first of two connections")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if m.send(request("b"), a, second) != second {
		t.Error("a request was not received by the remaining connection")
	}
}

func TestClosedUDPMuxedConnFailsReadsAndWrites(t *testing.T) {
	m := newMuxed(t)
	c := m.open("c")
	m.reply(c)
	read := make(chan error)
	go func() { // ends when the connection is closed
		_, _, err := c.ReadFrom(make([]byte, 10))
		read <- err
	}()
	m.RemoveConnByUfrag("c")
	if err := <-read; !errors.Is(err, io.EOF) {
		t.Errorf("read failed with %v", err)
	}
	if _, err := c.WriteTo(answer(), net.UDPAddrFromAddrPort(m.address)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write failed with %v", err)
	}
	m.claim(c, m.address, true)
	if len(m.fragments)+len(m.owners) > 0 {
		t.Errorf("%d fragments and %d addresses remain", len(m.fragments), len(m.owners))
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := m.GetConn("d", m.LocalAddr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("GetConn of a closed mux returned %v", err)
	}
}

// If a client uses ever more addresses, its connection must give up the oldest of them.
func TestNumberOfRemoteAddressesOfAConnectionIsBounded(t *testing.T) {
	m := newMuxed(t)
	c := m.open("c")
	for port := range uint16(2 * maxOwned) {
		m.claim(c, netip.AddrPortFrom(m.address.Addr(), 1000+port), true)
	}
	if len(m.owners) != maxOwned || m.owners[netip.AddrPortFrom(m.address.Addr(), 999+2*maxOwned)] == nil {
		t.Errorf("%d addresses", len(m.owners))
	}
}

func TestFullReceiveQueueAffectsNoOtherConnection(t *testing.T) {
	m := newMuxed(t)
	idle, c := m.open("idle"), m.open("c")
	for range datagramQueue + 10 {
		if to, _ := m.route(request("idle"), m.address); to.enqueue(new(datagram)) {
			continue
		}
		if len(idle.in) != datagramQueue {
			t.Fatalf("the queue refused a packet after %d", len(idle.in))
		}
	}
	m.send(request("c"), c)
}

// FuzzUDPMuxRoute checks that a packet reaches a connection other than the owner only if it contains the username fragment of
// that connection.
func FuzzUDPMuxRoute(f *testing.F) {
	m := newMuxed(f)
	a, b := m.open("a"), m.open("b")
	m.claim(a, m.address, true)
	for _, packet := range [][]byte{request("a"), request("b"), request("c"), request("a")[:30], media, handshake, nil} {
		f.Add(packet)
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		switch to, _ := m.route(packet, m.address); {
		case to == b && localFragment(packet) != "b":
			t.Errorf("b receives %x, which does not contain its fragment", packet)
		case to == nil && stunType(packet) != stunBinding:
			t.Errorf("the owner does not receive %x", packet)
		}
	})
}
