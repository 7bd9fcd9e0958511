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

// echo answers every datagram with itself and tells from how many addresses they came.
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

// caller sends numbered datagrams and reads what comes back.
type caller struct {
	t    *testing.T
	conn *net.UDPConn
}

func call(t *testing.T, p *Proxy) *caller {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(p.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &caller{t, conn}
}

func (c *caller) send(n uint32) {
	c.t.Helper()
	if _, err := c.conn.Write(binary.BigEndian.AppendUint32(nil, n)); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the number of the next answer and the port the target saw, or false if ctx ends before one comes.
func (c *caller) next(ctx context.Context) (n uint32, port uint16, ok bool) {
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

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// await polls: the proxy reads on a goroutine of its own.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx := soon(t); !cond(); <-tick.C {
		if ctx.Err() != nil {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestEveryClientHasASocket(t *testing.T) {
	p := listen(t)
	a, b := call(t, p), call(t, p)
	ports := map[uint16]bool{}
	for i, c := range []*caller{a, b, a, b} {
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

func TestDelayIsSetForEachDirection(t *testing.T) {
	p := listen(t)
	p.SetLink(Link{Up: Profile{Delay: 60 * time.Millisecond}, Down: Profile{Delay: 40 * time.Millisecond}})
	c := call(t, p)
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
	c := call(t, p)
	const n = 200
	for i := range uint32(n) {
		c.send(i)
	}
	seen, turned, last := map[uint32]bool{}, 0, uint32(0)
	for range n {
		got, _, ok := c.next(soon(t))
		if !ok {
			t.Fatalf("%d of %d answers", len(seen), n)
		}
		seen[got] = true
		if got < last {
			turned++
		}
		last = max(last, got)
	}
	if len(seen) != n || turned == 0 {
		t.Errorf("%d different answers, %d out of turn", len(seen), turned)
	}
}

func TestCutDropsDatagramsUntilRestored(t *testing.T) {
	p := listen(t)
	c := call(t, p)
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

func TestCutDropsDatagramsUnderWay(t *testing.T) {
	p := listen(t)
	p.SetLink(Link{Up: Profile{Delay: time.Hour}})
	c := call(t, p)
	c.send(1)
	await(t, "the proxy has it", func() bool { up, _ := p.Stats(); return up.Datagrams == 1 })
	p.Cut(true)
	p.SetLink(Link{})
	p.Cut(false)
	if up, _ := p.Stats(); up.Dropped != 1 {
		t.Errorf("dropped %d, want what was under way", up.Dropped)
	}
}

// What waits is bounded, whatever the delay.
func TestDelayedDatagramsAreBounded(t *testing.T) {
	w := newWay(1)
	w.set(Profile{Delay: time.Hour})
	for range maxWaiting + 10 {
		w.take(start, []byte{1}, func([]byte) { t.Error("sent before its time") })
	}
	if s := w.snapshot(); s.Dropped != 10 || len(w.waiting) != maxWaiting {
		t.Errorf("%d wait, %d dropped", len(w.waiting), s.Dropped)
	}
}

func TestCloseDoesNotWaitForDelayedDatagrams(t *testing.T) {
	p := listen(t)
	p.SetLink(Symmetric(Profile{Delay: time.Hour}))
	call(t, p).send(1)
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
