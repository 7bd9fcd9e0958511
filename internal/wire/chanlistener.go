package wire

import (
	"bufio"
	"bytes"
	"net"
	"sync"
)

// chanListener is the listener of the connections that carry one thing.
type chanListener struct {
	mux     *ProtocolMux
	counter *connCounter
	wrap    func(*prefixConn) net.Conn
	conns   chan net.Conn // not buffered: who gives one waits until it is taken
	done    chan struct{}
	close   sync.Once
}

func newChanListener(s *ProtocolMux, c *connCounter, wrap func(*prefixConn) net.Conn) *chanListener {
	return &chanListener{mux: s, counter: c, wrap: wrap, conns: make(chan net.Conn), done: make(chan struct{})}
}

// deliver waits until conn is accepted, or closes it.
func (l *chanListener) deliver(conn net.Conn, reader *bufio.Reader) {
	from := addrOf(conn.RemoteAddr()).Addr()
	if !l.counter.acquire(from) {
		_ = conn.Close()
		return
	}
	first, _ := reader.Peek(reader.Buffered())
	given := l.wrap(&prefixConn{
		Conn: conn, prefix: bytes.Clone(first), // the buffer is larger than what was said
		writeTimeout: l.mux.options.WriteTimeout, onClose: func() { l.counter.release(from) },
	})
	select {
	case l.conns <- given:
	case <-l.done:
		_ = given.Close()
	case <-l.mux.done:
		_ = given.Close()
	}
}

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

func (l *chanListener) Close() error {
	l.close.Do(func() { close(l.done) })
	return nil
}

func (l *chanListener) Addr() net.Addr { return l.mux.listener.Addr() }
