package turn

import (
	"maps"
	"net"
	"slices"
	"sync"
)

// listener is a net.Listener that keeps its open connections, because Pion does not close them when its server is closed.
type listener struct {
	net.Listener
	serving sync.WaitGroup // open connections; each ends with Pion's call of conn.Close, the last step of its goroutine

	mu     sync.Mutex
	conns  map[*conn]struct{} // open connections
	closed bool
}

// newListener returns a listener that accepts the connections of l.
func newListener(l net.Listener) *listener {
	return &listener{Listener: l, conns: map[*conn]struct{}{}}
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = accepted.Close()
		return nil, net.ErrClosed
	}
	c := &conn{Conn: accepted, listener: l}
	l.conns[c] = struct{}{}
	l.serving.Add(1)
	return c, nil
}

// Close closes the listener and its connections.
func (l *listener) Close() error {
	l.mu.Lock()
	l.closed = true
	open := slices.Collect(maps.Keys(l.conns))
	l.mu.Unlock()
	for _, c := range open {
		_ = c.Conn.Close() // the goroutine of the connection then calls c.Close
	}
	return l.Listener.Close()
}

// conn is a connection of a listener.
type conn struct {
	net.Conn
	listener *listener
	once     sync.Once
}

// Close closes the connection and removes it from the listener.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.listener.mu.Lock()
		delete(c.listener.conns, c)
		c.listener.mu.Unlock()
		c.listener.serving.Done()
	})
	return err
}
