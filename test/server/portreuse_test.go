package server_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"meet/internal/client"
	"meet/test/harness"
)

// natPort is one port of a NAT that all clients behind it share. It forwards the server's packets to the client that has
// sent last.
type natPort struct {
	inside, outside *net.UDPConn

	mu       sync.Mutex
	owner    netip.AddrPort
	released map[netip.AddrPort]bool // clients whose packets it drops
}

// newNATPort starts a NAT port in front of the server. The NAT port is closed when the test ends.
func newNATPort(t *testing.T, server netip.AddrPort) *natPort {
	t.Helper()
	r := &natPort{released: map[netip.AddrPort]bool{}}
	for _, side := range []**net.UDPConn{&r.inside, &r.outside} {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		*side = conn
	}
	var work sync.WaitGroup
	forward := func(from, to *net.UDPConn, target func(netip.AddrPort) (netip.AddrPort, bool)) {
		work.Go(func() { // ends when from is closed
			packet := make([]byte, 2000)
			for {
				n, source, err := from.ReadFromUDPAddrPort(packet)
				if err != nil {
					return
				}
				if at, ok := target(source); ok {
					_, _ = to.WriteToUDPAddrPort(packet[:n], at)
				}
			}
		})
	}
	forward(r.inside, r.outside, func(source netip.AddrPort) (netip.AddrPort, bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.released[source] {
			return server, false
		}
		r.owner = source
		return server, true
	})
	forward(r.outside, r.inside, func(netip.AddrPort) (netip.AddrPort, bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.owner, r.owner.IsValid()
	})
	t.Cleanup(func() {
		_, _ = r.inside.Close(), r.outside.Close()
		work.Wait()
	})
	return r
}

// release drops the mapping to the present client and ignores this client from then on.
func (r *natPort) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.released[r.owner] = true
	r.owner = netip.AddrPort{}
}

// A NAT reuses the port of a client that was killed, long before the server detects that the first client is gone.
func TestNewClientConnectsFromTheUDPAddressOfAKilledClient(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	r := newNATPort(t, s.Addr())
	o := client.Options{SinglePC: true, HostOnly: true, UDPProxy: netip.MustParseAddrPort(r.inside.LocalAddr().String())}
	s.join(ctx, "ada", o).publishBoth(ctx)
	cy := s.join(ctx, "cy", client.Options{})
	r.release()
	soon, cancel := context.WithTimeout(ctx, 12*time.Second) // the server disconnects ada only after 15 s
	defer cancel()
	bo := s.join(soon, "bo", o)
	mic, _ := bo.publishBoth(soon)
	harness.Eventually(soon, t, "cy hears bo", func() bool { return cy.receives(mic.SID(), 20) })
}
