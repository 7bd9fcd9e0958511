package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen returns a PacketConn on address. The cleanup of the test closes it. The test is skipped if this machine has no such
// address.
func listen(t testing.TB, network, address string, opts Options) *PacketConn {
	t.Helper()
	addr, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenUDP(network, addr)
	if err != nil {
		t.Skipf("cannot listen on %s: %v", address, err)
	}
	c, err := New(udp, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// addrPort returns the local address of c.
func addrPort(c net.PacketConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// payload returns a packet of size bytes. Its content depends on n, the number of the packet.
func payload(n, size int) []byte {
	b := bytes.Repeat([]byte{byte(n)}, size)
	binary.BigEndian.PutUint32(b, uint32(n))
	return b
}

func TestPacketConnPreservesOrderAndContent(t *testing.T) {
	sizes := map[string]func(n int) int{
		"equal":  func(int) int { return 1100 },
		"mixed":  func(n int) int { return 20 + n*7919%1180 },
		"frames": func(n int) int { return map[bool]int{true: 300, false: 1180}[n%7 == 6] },
		"large":  func(n int) int { return 4000 + n%3 },
	}
	for name, size := range sizes {
		for _, noOffload := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/plain=%v", name, noOffload), func(t *testing.T) {
				const destinations, packets = 5, 200
				opts := Options{NoOffload: noOffload}
				from := listen(t, "udp4", "127.0.0.1:0", opts)
				var readers sync.WaitGroup
				start := make(chan struct{})
				for range destinations {
					to := listen(t, "udp4", "127.0.0.1:0", opts)
					readers.Go(func() { expect(t, to, addrPort(from), packets, size) })
					readers.Go(func() {
						<-start
						for n := range packets {
							if _, err := from.WriteToAddrPort(payload(n, size(n)), addrPort(to)); err != nil {
								t.Error(err)
							}
						}
					})
				}
				close(start)
				readers.Wait()
				if err := from.Close(); err != nil { // packets are counted only after they have been sent
					t.Error(err)
				}
				stats := from.Stats()
				if stats.PacketsOut != destinations*packets || stats.Dropped != 0 {
					t.Errorf("stats %+v", stats)
				}
			})
		}
	}
}

// expect reads n packets from c and checks their content and sender. The packet with the number i, counted from 0, has
// size(i) bytes.
func expect(t *testing.T, c *PacketConn, from netip.AddrPort, n int, size func(int) int) {
	b := make([]byte, 9000)
	for i := range n {
		if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Error(err)
		}
		got, addr, err := c.ReadFromAddrPort(b)
		if err != nil {
			t.Errorf("packet %d: %v", i, err)
			return
		}
		if want := payload(i, size(i)); !bytes.Equal(b[:got], want) {
			t.Errorf("packet %d: got %d bytes, number %d, want %d bytes", i, got, binary.BigEndian.Uint32(b), len(want))
			return
		}
		if addr != from {
			t.Errorf("packet %d: from %v, want %v", i, addr, from)
			return
		}
	}
}

func TestPacketConnServesBothIPVersions(t *testing.T) {
	dual := listen(t, "udp", "[::]:0", Options{})
	port := addrPort(dual).Port()
	for _, peer := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(peer, func(t *testing.T) {
			to := listen(t, "udp", peer, Options{})
			target := netip.AddrPortFrom(addrPort(to).Addr(), port)
			if _, err := to.WriteTo([]byte("there"), net.UDPAddrFromAddrPort(target)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			n, from, err := dual.ReadFrom(b)
			if err != nil || string(b[:n]) != "there" {
				t.Fatalf("read %q, %v", b[:n], err)
			}
			if want := addrPort(to).String(); from.String() != want {
				t.Errorf("from %v, want %v", from, want)
			}
			if _, err := dual.WriteTo([]byte("back"), from); err != nil {
				t.Fatal(err)
			}
			if n, _, err = to.ReadFrom(b); err != nil || string(b[:n]) != "back" {
				t.Fatalf("read %q, %v", b[:n], err)
			}
		})
	}
}

func TestEmptyDatagramIsDelivered(t *testing.T) {
	a, b := listen(t, "udp4", "127.0.0.1:0", Options{}), listen(t, "udp4", "127.0.0.1:0", Options{})
	for _, text := range []string{"", "x", ""} {
		if _, err := a.WriteToAddrPort([]byte(text), addrPort(b)); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 10)
	for i, want := range []int{0, 1, 0} {
		if n, _, err := b.ReadFromAddrPort(buf); n != want || err != nil {
			t.Errorf("datagram %d: %d bytes, %v; want %d", i, n, err, want)
		}
	}
}

func TestUnreachableDestinationDoesNotDropOtherPackets(t *testing.T) {
	from, to := listen(t, "udp4", "127.0.0.1:0", Options{}), listen(t, "udp4", "127.0.0.1:0", Options{})
	unreachable := netip.MustParseAddrPort("[2001:db8::1]:9") // an IPv4 socket cannot reach it
	for n := range 10 {
		if _, err := from.WriteToAddrPort(payload(n, 100), unreachable); err != nil {
			t.Fatal(err)
		}
		if _, err := from.WriteToAddrPort(payload(n, 100), addrPort(to)); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, to, addrPort(from), 10, func(int) int { return 100 })
	// The flusher counts after the call that delivered the packets; Close waits for it.
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	if s := from.Stats(); s.PacketsOut != 10 || s.Dropped != 10 {
		t.Errorf("stats %+v, want 10 out and 10 dropped", s)
	}
}

func TestWriteFailsForInvalidAddressOrSize(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", Options{})
	if _, err := c.WriteTo([]byte("x"), &net.TCPAddr{}); err == nil {
		t.Error("wrote to a TCP address")
	}
	if _, err := c.WriteToAddrPort([]byte("x"), netip.AddrPort{}); err == nil {
		t.Error("wrote to the zero address")
	}
	if _, err := c.WriteToAddrPort(make([]byte, maxDatagram+1), addrPort(c)); !errors.Is(err, errTooLong) {
		t.Errorf("wrote an oversized packet: %v", err)
	}
}

func TestCloseSendsQueuedPacketsAndEndsReads(t *testing.T) {
	from, to := listen(t, "udp4", "127.0.0.1:0", Options{}), listen(t, "udp4", "127.0.0.1:0", Options{})
	for n := range 100 {
		if _, err := from.WriteToAddrPort(payload(n, 200), addrPort(to)); err != nil {
			t.Fatal(err)
		}
	}
	reading := make(chan error)
	go func() { // ends when Close interrupts the read
		_, _, err := from.ReadFrom(make([]byte, 10))
		reading <- err
	}()
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-reading; !errors.Is(err, net.ErrClosed) {
		t.Errorf("read ended with %v", err)
	}
	if _, err := from.WriteToAddrPort([]byte("x"), addrPort(to)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
	expect(t, to, addrPort(from), 100, func(int) int { return 200 })
}

func TestReadFailsAtItsDeadline(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", Options{})
	if err := c.SetDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, _, err := c.ReadFrom(make([]byte, 10)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read ended with %v", err)
	}
}

func TestUDPWriteAndReadDoNotAllocate(t *testing.T) {
	from, to := listen(t, "udp4", "127.0.0.1:0", Options{}), listen(t, "udp4", "127.0.0.1:0", Options{})
	target, b, buf := addrPort(to), payload(0, 1100), make([]byte, 1500)
	allocs := testing.AllocsPerRun(2000, func() {
		if _, err := from.WriteToAddrPort(b, target); err != nil {
			t.Error(err)
		}
		if _, _, err := to.ReadFromAddrPort(buf); err != nil {
			t.Error(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a packet written and read, want 0", allocs)
	}
}

func TestPacketConnSendsPacketsInBatches(t *testing.T) {
	from := listen(t, "udp4", "127.0.0.1:0", Options{})
	if !from.Stats().Offload {
		t.Skip("the kernel does not support UDP_SEGMENT")
	}
	// While sendMu is held nothing is sent, so the batch fills as it does on a busy network.
	to := listen(t, "udp4", "127.0.0.1:0", Options{})
	from.sendMu.Lock()
	for n := range 300 {
		if _, err := from.WriteToAddrPort(payload(n, 1100), addrPort(to)); err != nil {
			t.Fatal(err)
		}
	}
	from.sendMu.Unlock()
	expect(t, to, addrPort(from), 300, func(int) int { return 1100 })
	if s := from.Stats(); s.CallsOut > 10 {
		t.Errorf("%d calls for %d packets", s.CallsOut, s.PacketsOut)
	}
	if s := to.Stats(); s.CallsIn > 100 {
		t.Errorf("%d calls to read %d packets", s.CallsIn, s.PacketsIn)
	}
}
