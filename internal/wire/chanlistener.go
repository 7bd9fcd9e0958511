package wire

import (
	"bufio"
	"bytes"
	"net"
	"sync"
)

// handed is the listener of the connections that carry one thing.
type handed struct {
	split  *ProtocolMux
	census *census
	wrap   func(*handedConn) net.Conn
	conns  chan net.Conn // not buffered: who gives one waits until it is taken
	done   chan struct{}
	close  sync.Once
}

func newHanded(s *ProtocolMux, c *census, wrap func(*handedConn) net.Conn) *handed {
	return &handed{split: s, census: c, wrap: wrap, conns: make(chan net.Conn), done: make(chan struct{})}
}

// give waits until conn is accepted, or closes it.
func (l *handed) give(conn net.Conn, reader *bufio.Reader) {
	from := addrOf(conn.RemoteAddr()).Addr()
	if !l.census.enter(from) {
		_ = conn.Close()
		return
	}
	first, _ := reader.Peek(reader.Buffered())
	given := l.wrap(&handedConn{
		Conn: conn, first: bytes.Clone(first), // the buffer is larger than what was said
		stall: l.split.options.WriteTimeout, closed: func() { l.census.leave(from) },
	})
	select {
	case l.conns <- given:
	case <-l.done:
		_ = given.Close()
	case <-l.split.done:
		_ = given.Close()
	}
}

func (l *handed) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-l.split.done:
		return nil, net.ErrClosed
	}
}

func (l *handed) Close() error {
	l.close.Do(func() { close(l.done) })
	return nil
}

func (l *handed) Addr() net.Addr { return l.split.listener.Addr() }
