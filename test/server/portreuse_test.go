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

// natPort is one port of a natPort, which belongs to whoever inside has sent last: none gets an answer to another's packets.
type natPort struct {
	inside, outside *net.UDPConn

	mu       sync.Mutex
	owner    netip.AddrPort
	released map[netip.AddrPort]bool // those whose packets it no longer passes on
}

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

// release takes the port from whoever has it.
func (r *natPort) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.released[r.owner] = true
	r.owner = netip.AddrPort{}
}

// A router gives the port of a client that was killed to the next one, long before the server gives the first one up.
func TestReusedClientAddressReachesTheNewClient(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	r := newNATPort(t, s.Addr())
	o := client.Options{SinglePC: true, HostOnly: true, UDPProxy: netip.MustParseAddrPort(r.inside.LocalAddr().String())}
	s.join(ctx, "ada", o).publishBoth(ctx)
	cy := s.join(ctx, "cy", client.Options{})
	r.release()
	soon, cancel := context.WithTimeout(ctx, 12*time.Second) // the server would give ada up after 15
	defer cancel()
	bo := s.join(soon, "bo", o)
	mic, _ := bo.publishBoth(soon)
	harness.Eventually(soon, t, "cy hears bo", func() bool { return cy.receives(mic.SID(), 20) })
}
