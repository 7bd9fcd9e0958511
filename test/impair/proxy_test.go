package impair

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo starts a UDP server that returns every datagram with the sender's port appended, and returns the server's address.
func echo(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with conn
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort(append(buf[:n], byte(from.Port()>>8), byte(from.Port())), from)
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// listen returns a proxy in front of an echo server. The cleanup of the test closes it.
func listen(t *testing.T) *Proxy {
	t.Helper()
	p, err := Listen(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

// testClient sends numbered datagrams through a proxy to echo and reads the answers.
type testClient struct {
	t    *testing.T
	conn *net.UDPConn
}

// dial returns a client of p.
func dial(t *testing.T, p *Proxy) *testClient {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(p.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &testClient{t, conn}
}

// send sends the datagram number n.
func (c *testClient) send(n uint32) {
	c.t.Helper()
	if _, err := c.conn.Write(binary.BigEndian.AppendUint32(nil, n)); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the number of the next answer and the source port from which the target received the datagram. ok is false if
// no answer arrives before the deadline of ctx.
func (c *testClient) next(ctx context.Context) (n uint32, port uint16, ok bool) {
	c.t.Helper()
	deadline, _ := ctx.Deadline()
	_ = c.conn.SetReadDeadline(deadline)
	buf := make([]byte, 64)
	switch got, err := c.conn.Read(buf); {
	case err != nil:
		return 0, 0, false
	case got != 6:
		c.t.Fatalf("an answer of %d bytes", got)
	}
	return binary.BigEndian.Uint32(buf), binary.BigEndian.Uint16(buf[4:]), true
}

// soon returns a context that ends after 10 s.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// await polls until cond returns true, because the proxy reads on its own goroutine. The test fails after 10 s.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx := soon(t); !cond(); <-tick.C {
		if ctx.Err() != nil {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

func TestProxyUsesASeparateSocketForEachClient(t *testing.T) {
	p := listen(t)
	a, b := dial(t, p), dial(t, p)
	ports := map[uint16]bool{}
	for i, c := range []*testClient{a, b, a, b} {
		c.send(uint32(i))
		n, port, ok := c.next(soon(t))
		if !ok || n != uint32(i) {
			t.Fatalf("sent %d, got %d (%v)", i, n, ok)
		}
		ports[port] = true
	}
	if len(ports) != 2 {
		t.Errorf("the target saw %d addresses of 2 clients", len(ports))
	}
	if up, down := p.Stats(); up.Datagrams != 4 || down.Datagrams != 4 || up.Bytes != 16 || up.Dropped+down.Dropped != 0 {
		t.Errorf("counted %+v up and %+v down", up, down)
	}
}

func TestDelayAppliesToEachDirection(t *testing.T) {
	p := listen(t)
	p.SetLink(Link{Up: Profile{Delay: 60 * time.Millisecond}, Down: Profile{Delay: 40 * time.Millisecond}})
	c := dial(t, p)
	sent := time.Now()
	const n = 50
	for i := range uint32(n) {
		c.send(i)
	}
	for i := range uint32(n) {
		got, _, ok := c.next(soon(t))
		if !ok || got != i {
			t.Fatalf("answer %d is %d (%v)", i, got, ok)
		}
		if took := time.Since(sent); took < 100*time.Millisecond {
			t.Fatalf("answer %d after %v", i, took)
		}
	}
}

func TestProxyReordersDatagrams(t *testing.T) {
	p := listen(t)
	p.SetLink(Link{Up: Profile{Reorder: 0.2}})
	c := dial(t, p)
	const n = 200
	for i := range uint32(n) {
		c.send(i)
	}
	seen, reordered, last := map[uint32]bool{}, 0, uint32(0)
	for range n {
		got, _, ok := c.next(soon(t))
		if !ok {
			t.Fatalf("%d of %d answers", len(seen), n)
		}
		seen[got] = true
		if got < last {
			reordered++
		}
		last = max(last, got)
	}
	if len(seen) != n || reordered == 0 {
		t.Errorf("%d different answers, %d out of order", len(seen), reordered)
	}
}

func TestCutLinkDropsDatagramsUntilRestored(t *testing.T) {
	p := listen(t)
	c := dial(t, p)
	c.send(1)
	if n, _, ok := c.next(soon(t)); !ok || n != 1 {
		t.Fatalf("got %d (%v)", n, ok)
	}
	p.Cut(true)
	c.send(2)
	await(t, "the proxy drops", func() bool { up, _ := p.Stats(); return up.Dropped == 1 })
	p.Cut(false)
	c.send(3)
	if n, _, ok := c.next(soon(t)); !ok || n != 3 {
		t.Errorf("after the cut came %d (%v), want 3", n, ok)
	}
}

func TestCuttingTheLinkDropsDatagramsInFlight(t *testing.T) {
	p := listen(t)
	p.SetLink(Link{Up: Profile{Delay: time.Hour}})
	c := dial(t, p)
	c.send(1)
	await(t, "the proxy has it", func() bool { up, _ := p.Stats(); return up.Datagrams == 1 })
	p.Cut(true)
	p.SetLink(Link{})
	p.Cut(false)
	if up, _ := p.Stats(); up.Dropped != 1 {
		t.Errorf("dropped %d, want the one in flight", up.Dropped)
	}
}

func TestDatagramsInFlightAreBounded(t *testing.T) {
	l := newOneWayLink(1)
	l.setProfile(Profile{Delay: time.Hour})
	for range maxInFlight + 10 {
		l.accept(start, []byte{1}, func([]byte) { t.Error("sent before its time") })
	}
	if s := l.snapshot(); s.Dropped != 10 || len(l.inFlight) != maxInFlight {
		t.Errorf("%d in flight, %d dropped", len(l.inFlight), s.Dropped)
	}
}

func TestCloseDoesNotWaitForDelayedDatagrams(t *testing.T) {
	p := listen(t)
	p.SetLink(Symmetric(Profile{Delay: time.Hour}))
	dial(t, p).send(1)
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
