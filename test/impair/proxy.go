package impair

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxClients bounds the client addresses, each of which has a socket. Datagrams from further addresses are dropped. Each ICE
// restart and each new candidate of a client uses a new address, so a test with a few browsers needs far fewer.
const maxClients = 256

// Stats are counts of the datagrams of one direction that have arrived since the start.
type Stats struct {
	Datagrams uint64 `json:"datagrams"`
	Bytes     uint64 `json:"bytes"`   // of payload
	Dropped   uint64 `json:"dropped"` // datagrams lost at random, by Cut, or because a queue was full; included in Datagrams
}

// Proxy forwards datagrams between its clients and one target. Its methods may be called from any goroutine.
type Proxy struct {
	conn     *net.UDPConn // towards the clients
	target   *net.UDPAddr
	up, down *oneWayLink
	work     sync.WaitGroup
	done     chan struct{}

	mu      sync.Mutex
	closed  bool
	clients map[netip.AddrPort]*net.UDPConn // towards the target, one for each client address
}

// Listen opens a proxy on a free port of the target's IP address, which has to be an address of this machine. The proxy
// forwards without impairments until SetLink is called.
func Listen(target netip.AddrPort) (*Proxy, error) {
	return ListenSeeded(target, 1)
}

// ListenSeeded is like Listen, with a seed for random loss, jitter and reordering.
func ListenSeeded(target netip.AddrPort, seed uint64) (*Proxy, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: target.Addr().AsSlice()})
	if err != nil {
		return nil, fmt.Errorf("listen for clients: %w", err)
	}
	_ = conn.SetReadBuffer(1 << 20) // best effort; 1 MiB absorbs pauses of a busy machine
	p := &Proxy{
		conn: conn, target: net.UDPAddrFromAddrPort(target), up: newOneWayLink(2 * seed), down: newOneWayLink(2*seed + 1),
		done: make(chan struct{}), clients: map[netip.AddrPort]*net.UDPConn{},
	}
	p.work.Go(p.readClients) // ends with conn
	p.work.Go(func() { p.up.run(p.done) })
	p.work.Go(func() { p.down.run(p.done) })
	return p, nil
}

// Addr returns the address to which clients send.
func (p *Proxy) Addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// SetLink changes the link for datagrams that arrive from now on. It does not affect datagrams in flight.
func (p *Proxy) SetLink(l Link) {
	p.up.setProfile(l.Up)
	p.down.setProfile(l.Down)
}

// Cut cuts or restores the link in both directions. Cutting drops all datagrams in flight.
func (p *Proxy) Cut(cut bool) {
	p.up.setCut(cut)
	p.down.setCut(cut)
}

// Stats returns the counts of datagrams from the clients (up) and from the target (down).
func (p *Proxy) Stats() (up, down Stats) { return p.up.snapshot(), p.down.snapshot() }

// Close closes all sockets and waits for the goroutines of the proxy. Datagrams in flight are lost.
func (p *Proxy) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.work.Wait()
		return nil
	}
	p.closed = true
	errs := []error{p.conn.Close()}
	for _, c := range p.clients {
		errs = append(errs, c.Close())
	}
	p.mu.Unlock()
	close(p.done)
	p.work.Wait()
	return errors.Join(errs...)
}

// readClients accepts datagrams from clients until conn is closed.
func (p *Proxy) readClients() {
	buf := make([]byte, 64<<10) // no datagram is longer
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error for an earlier datagram, such as a closed port
		}
		if upstream := p.upstream(netip.AddrPortFrom(from.Addr().Unmap(), from.Port())); upstream != nil {
			p.up.accept(time.Now(), buf[:n], func(b []byte) { _, _ = upstream.Write(b) }) // UDP may lose it
		}
	}
}

// upstream returns the client's socket towards the target, opening it if necessary. It returns nil if that fails, if there
// are maxClients already, or if the proxy is closed.
func (p *Proxy) upstream(client netip.AddrPort) *net.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[client]
	if c != nil || p.closed || len(p.clients) >= maxClients {
		return c
	}
	c, err := net.DialUDP("udp", nil, p.target)
	if err != nil {
		return nil // the client retransmits
	}
	_ = c.SetReadBuffer(1 << 20) // best effort
	p.clients[client] = c
	p.work.Go(func() { p.readTarget(c, client) }) // ends with c
	return c
}

// readTarget accepts datagrams from the target for one client until upstream is closed.
func (p *Proxy) readTarget(upstream *net.UDPConn, client netip.AddrPort) {
	buf := make([]byte, 64<<10)
	send := func(b []byte) { _, _ = p.conn.WriteToUDPAddrPort(b, client) } // UDP may lose it
	for {
		n, err := upstream.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error: the target's port is not open, perhaps not yet
		}
		p.down.accept(time.Now(), buf[:n], send)
	}
}
