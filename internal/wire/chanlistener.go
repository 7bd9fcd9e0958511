package wire

import (
	"net"
	"sync"
)

// chanListener is the net.Listener for the connections of one protocol of a ProtocolMux.
type chanListener struct {
	mux     *ProtocolMux
	counter *connCounter
	wrap    func(net.Conn) net.Conn // makes the connection that Accept returns
	conns   chan net.Conn           // unbuffered: deliver waits until Accept receives the connection
	done    chan struct{}
	close   sync.Once
}

// newChanListener returns a listener that counts its connections with counter. wrap makes the connections that Accept
// returns.
func newChanListener(s *ProtocolMux, counter *connCounter, wrap func(net.Conn) net.Conn) *chanListener {
	return &chanListener{mux: s, counter: counter, wrap: wrap, conns: make(chan net.Conn), done: make(chan struct{})}
}

// deliver waits until Accept has returned the connection c. It closes c if c exceeds the limits, or if the listener or the
// mux is closed.
func (l *chanListener) deliver(c *sniffedConn) {
	client := c.client()
	if !l.counter.acquire(client) {
		_ = c.transport.Close()
		return
	}
	c.transport.onClose = func() { l.counter.release(client) }
	wrapped := l.wrap(c.stream())
	select {
	case l.conns <- wrapped:
	case <-l.done:
		_ = c.transport.Close()
	case <-l.mux.done:
		_ = c.transport.Close()
	}
}

// Accept waits for the next connection. It returns net.ErrClosed when the listener or the mux has been closed.
func (l *chanListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-l.mux.done:
		return nil, net.ErrClosed
	}
}

// Close makes Accept return net.ErrClosed. It does not close the port.
func (l *chanListener) Close() error {
	l.close.Do(func() { close(l.done) })
	return nil
}

// Addr returns the address of the port.
func (l *chanListener) Addr() net.Addr { return l.mux.listener.Addr() }
