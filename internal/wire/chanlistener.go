package wire

import (
	"bufio"
	"bytes"
	"net"
	"sync"
)

// chanListener is the net.Listener for the connections of one protocol of a ProtocolMux.
type chanListener struct {
	mux     *ProtocolMux
	counter *connCounter
	wrap    func(*prefixConn) net.Conn // makes the connection that Accept returns
	conns   chan net.Conn              // unbuffered: deliver waits until Accept receives the connection
	done    chan struct{}
	close   sync.Once
}

// newChanListener returns a listener that counts its connections with counter. wrap makes the connections that Accept
// returns.
func newChanListener(s *ProtocolMux, counter *connCounter, wrap func(*prefixConn) net.Conn) *chanListener {
	return &chanListener{mux: s, counter: counter, wrap: wrap, conns: make(chan net.Conn), done: make(chan struct{})}
}

// deliver waits until Accept has returned conn. reader holds the bytes that were read from conn to detect its protocol.
// deliver closes conn if it exceeds the limits, or if the listener or the mux is closed.
func (l *chanListener) deliver(conn net.Conn, reader *bufio.Reader) {
	from := addrOf(conn.RemoteAddr()).Addr()
	if !l.counter.acquire(from) {
		_ = conn.Close()
		return
	}
	first, _ := reader.Peek(reader.Buffered())
	wrapped := l.wrap(&prefixConn{
		Conn: conn, prefix: bytes.Clone(first), // a copy, because reader's buffer is much larger
		writeTimeout: l.mux.options.WriteTimeout, onClose: func() { l.counter.release(from) },
	})
	select {
	case l.conns <- wrapped:
	case <-l.done:
		_ = wrapped.Close()
	case <-l.mux.done:
		_ = wrapped.Close()
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
