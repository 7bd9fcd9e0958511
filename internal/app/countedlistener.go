package app

import (
	"errors"
	"net"
	"sync"

	"meet/internal/ratelimit"
)

// maxRedirectConns and maxRedirectConnsPerAddress bound the open connections to the port for plain HTTP. They are short.
const maxRedirectConns, maxRedirectConnsPerAddress = 1024, 128

// errTooManyConns is the error of a count of connections. Nobody sees it: the connection is closed.
var errTooManyConns = errors.New("too many connections")

// countedListener is a listener that closes connections beyond its bounds immediately.
type countedListener struct {
	net.Listener
	count *ratelimit.Counter
}

// newCountedListener returns a listener with these bounds.
func newCountedListener(l net.Listener, total, perAddress int) countedListener {
	return countedListener{l, ratelimit.NewCounter(ratelimit.Bounds{Total: total, PerClient: perAddress, ErrTotal: errTooManyConns, ErrPerClient: errTooManyConns})}
}

// Accept returns the next connection within the bounds.
func (l countedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address, _, err := net.SplitHostPort(conn.RemoteAddr().String())
		if err == nil {
			err = l.count.Add(address, 1)
		}
		if err == nil {
			return &countedConn{Conn: conn, uncount: sync.OnceFunc(func() { l.count.Remove(address, 1) })}, nil
		}
		_ = conn.Close()
	}
}

// countedConn is a connection that is counted until it is closed.
type countedConn struct {
	net.Conn
	uncount func()
}

// Close closes the connection.
func (c *countedConn) Close() error {
	c.uncount()
	return c.Conn.Close()
}
