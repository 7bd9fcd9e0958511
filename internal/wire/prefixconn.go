package wire

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writeChunk is the size in bytes of the parts in which data is written. ProtocolMuxOptions.WriteTimeout applies to each
	// part.
	writeChunk = 64 << 10
	// kernelSendBuffer is the size in bytes of the kernel's send buffer of one connection. It also determines the speed at
	// which a client has to read, because the kernel accepts more data only when a third of the buffer is free. With the
	// default WriteTimeout that speed is 3 KB/s.
	kernelSendBuffer = 256 << 10
)

// prefix holds the first bytes of a connection, which were read to detect its protocol and not returned by read yet. One
// goroutine may use it at a time.
type prefix []byte

// read reads from p and, when p is empty, from the connection.
func (p *prefix) read(conn net.Conn, b []byte) (int, error) {
	if len(*p) == 0 {
		return conn.Read(b)
	}
	n := copy(b, *p)
	*p = (*p)[n:]
	return n, nil
}

// prefixConn is a connection whose first bytes have been read already; Read returns them first. Writes fail when the client
// reads nothing for writeTimeout, so that a client that does not read cannot keep a connection and its unsent data alive.
// The time for a whole response is not limited. A caller of SetWriteDeadline replaces writeTimeout by a deadline.
type prefixConn struct {
	net.Conn
	prefix       prefix
	writeTimeout time.Duration
	onClose      func() // called once, by the first Close; may be nil
	once         sync.Once

	mu             sync.Mutex
	customDeadline bool // the user of the connection has set a write deadline
}

// Read reads from the prefix, then from the connection.
func (c *prefixConn) Read(b []byte) (int, error) { return c.prefix.read(c.Conn, b) }

// Write writes b in chunks, each with its own write deadline.
func (c *prefixConn) Write(b []byte) (written int, err error) {
	for {
		c.extendWriteDeadline()
		n, err := c.Conn.Write(b[:min(len(b), writeChunk)])
		if written += n; err != nil || n == len(b) {
			return written, err
		}
		b = b[n:]
	}
}

// extendWriteDeadline sets the write deadline of the next chunk, unless the user of the connection has set one.
func (c *prefixConn) extendWriteDeadline() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.customDeadline {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(c.writeTimeout))
	}
}

// SetWriteDeadline replaces writeTimeout by a deadline for all writes. The zero time restores writeTimeout.
func (c *prefixConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.customDeadline = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline calls SetWriteDeadline and SetReadDeadline.
func (c *prefixConn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// Close closes the connection. The first call also calls onClose.
func (c *prefixConn) Close() error {
	c.once.Do(func() {
		if c.onClose != nil {
			c.onClose()
		}
	})
	return c.Conn.Close()
}

// httpConn is an HTTP connection. It has the methods of a TCP connection that net/http looks for, for example to send files
// without copying them (sendfile).
type httpConn struct {
	*prefixConn
	tcp *net.TCPConn
}

// newHTTPConn returns c as an httpConn if it is a TCP connection without TLS, otherwise c itself.
func newHTTPConn(c net.Conn) net.Conn {
	if plain, ok := c.(*prefixConn); ok {
		if tcp, ok := tcpConn(plain.Conn); ok {
			return &httpConn{plain, tcp}
		}
	}
	return c
}

// ReadFrom sends everything from r in chunks, each with its own write deadline.
func (c *httpConn) ReadFrom(r io.Reader) (sent int64, err error) {
	whole, ok := r.(*io.LimitedReader) // net/http passes a LimitedReader; net.TCPConn uses sendfile only for a file within one LimitedReader, not two
	if !ok {
		whole = &io.LimitedReader{R: r, N: 1<<63 - 1}
	}
	for whole.N > 0 {
		c.extendWriteDeadline()
		chunk := io.LimitedReader{R: whole.R, N: min(whole.N, writeChunk)}
		n, err := c.tcp.ReadFrom(&chunk)
		sent += n
		whole.N -= n
		if err != nil || chunk.N > 0 {
			return sent, err
		}
	}
	return sent, nil
}

// CloseWrite closes the sending side. The client can then read the whole response even if the server has not read its whole
// request.
func (c *httpConn) CloseWrite() error { return c.tcp.CloseWrite() }

// turnIdleTimeout is how long a TURN connection with a relay may be silent. A relay expires ten minutes after its last
// refresh (RFC 8656, section 7.2), and browsers refresh it one minute earlier.
const turnIdleTimeout = 11 * time.Minute

// turnConn is a TURN connection. Until its client has been given a relay, the connection has the read deadline that
// ProtocolMux.sniff has set. After that, the connection ends when the client is silent for turnIdleTimeout.
type turnConn struct {
	net.Conn
	hasRelay atomic.Bool // the server has sent a successful Allocate response
}

// newTURNConn returns c as a turnConn.
func newTURNConn(c net.Conn) net.Conn { return &turnConn{Conn: c} }

// Read reads from the connection. If the client has a relay, it first sets the read deadline to turnIdleTimeout from now.
func (c *turnConn) Read(b []byte) (int, error) {
	if c.hasRelay.Load() {
		_ = c.SetReadDeadline(time.Now().Add(turnIdleTimeout))
	}
	return c.Conn.Read(b)
}

// Write writes b and records whether it is a successful Allocate response.
func (c *turnConn) Write(b []byte) (int, error) {
	if stunType(b) == stunAllocateSuccess {
		c.hasRelay.Store(true)
	}
	return c.Conn.Write(b)
}

// Close closes the TCP connection. With TLS it sends no alert, see abruptConn.
func (c *turnConn) Close() error {
	if encrypted, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
		return encrypted.NetConn().Close()
	}
	return c.Conn.Close()
}
