package impair

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxClients bounds the sockets: datagrams of more client addresses are dropped. ICE restarts and new candidates take a
// new one each, so a test with a few browsers stays far below.
const maxClients = 256

// Stats counts what came in at one direction.
type Stats struct {
	Datagrams uint64 `json:"datagrams"`
	Bytes     uint64 `json:"bytes"`   // of payload
	Dropped   uint64 `json:"dropped"` // of Datagrams: lost, cut, or too many for the queue
}

// Proxy hands datagrams between its clients and one target. Its methods may be called from any goroutine.
type Proxy struct {
	conn     *net.UDPConn // towards the clients
	target   *net.UDPAddr
	up, down *way
	work     sync.WaitGroup
	done     chan struct{}

	mu      sync.Mutex
	closed  bool
	clients map[netip.AddrPort]*net.UDPConn // towards the target, one for each client address
}

// Listen opens a proxy on a free port of the target's loopback address. Everything is handed on at once until Set.
func Listen(target netip.AddrPort) (*Proxy, error) {
	return ListenSeeded(target, 1)
}

// ListenSeeded is Listen with a seed of its own for what is left to chance.
func ListenSeeded(target netip.AddrPort, seed uint64) (*Proxy, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: target.Addr().AsSlice()})
	if err != nil {
		return nil, fmt.Errorf("listen for clients: %w", err)
	}
	_ = conn.SetReadBuffer(1 << 20) // 1 MiB outlasts a busy machine; what the system grants will do
	p := &Proxy{
		conn: conn, target: net.UDPAddrFromAddrPort(target), up: newWay(2 * seed), down: newWay(2*seed + 1),
		done: make(chan struct{}), clients: map[netip.AddrPort]*net.UDPConn{},
	}
	p.work.Go(p.readClients) // ends with conn
	p.work.Go(func() { p.up.run(p.done) })
	p.work.Go(func() { p.down.run(p.done) })
	return p, nil
}

// Addr is where clients send to.
func (p *Proxy) Addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// SetLink changes the link from this moment on; what is under way stays as it was decided.
func (p *Proxy) SetLink(l Link) {
	p.up.set(l.Up)
	p.down.set(l.Down)
}

// Cut ends or restores the link, both ways. What is under way is lost.
func (p *Proxy) Cut(cut bool) {
	p.up.setCut(cut)
	p.down.setCut(cut)
}

// Stats counts what came in from the clients and from the target.
func (p *Proxy) Stats() (up, down Stats) { return p.up.snapshot(), p.down.snapshot() }

// Close ends the proxy and waits for its goroutines.
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

func (p *Proxy) readClients() {
	buf := make([]byte, 64<<10) // no datagram is longer
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the error of an earlier answer, such as a port that is no longer open
		}
		if upstream := p.upstream(netip.AddrPortFrom(from.Addr().Unmap(), from.Port())); upstream != nil {
			p.up.take(time.Now(), buf[:n], func(b []byte) { _, _ = upstream.Write(b) }) // UDP promises nothing
		}
	}
}

// upstream is the client's socket towards the target, nil if there is none to be had.
func (p *Proxy) upstream(client netip.AddrPort) *net.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[client]
	if c != nil || p.closed || len(p.clients) >= maxClients {
		return c
	}
	c, err := net.DialUDP("udp", nil, p.target)
	if err != nil {
		return nil // the client will try again, as all that use UDP
	}
	_ = c.SetReadBuffer(1 << 20) // as above
	p.clients[client] = c
	p.work.Go(func() { p.readTarget(c, client) }) // ends with c
	return c
}

func (p *Proxy) readTarget(upstream *net.UDPConn, client netip.AddrPort) {
	buf := make([]byte, 64<<10)
	send := func(b []byte) { _, _ = p.conn.WriteToUDPAddrPort(b, client) } // UDP promises nothing
	for {
		n, err := upstream.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the target's port is not open (yet)
		}
		p.down.take(time.Now(), buf[:n], send)
	}
}
