package wire

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writeChunk is how many bytes are written at a time, each of which has SplitOptions.Stall.
	writeChunk = 64 << 10
	// kernelSendBuffer is how many bytes the kernel keeps for one client. It also says how fast a client has to read, because the
	// kernel takes more only when a third of its buffer is free: 3 KB/s with the default Stall.
	kernelSendBuffer = 256 << 10
)

// prefixConn is a connection of which the first bytes have been read already. A write fails once the client has taken nothing
// for a while, unless the user of the connection has set a deadline of its own: a client must not hold a connection, and what
// is to be written to it, by not reading. How long a response takes as a whole is not bounded.
type prefixConn struct {
	net.Conn
	prefix       []byte // read by one goroutine at a time
	writeTimeout time.Duration
	onClose      func() // called once
	once         sync.Once

	mu             sync.Mutex
	customDeadline bool // the user has set a deadline for writes
}

func (c *prefixConn) Read(b []byte) (int, error) {
	if len(c.prefix) > 0 {
		n := copy(b, c.prefix)
		c.prefix = c.prefix[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

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

// extendWriteDeadline gives the next chunk its time.
func (c *prefixConn) extendWriteDeadline() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.customDeadline {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(c.writeTimeout))
	}
}

// SetWriteDeadline replaces the deadline of each chunk; the zero time brings that back.
func (c *prefixConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.customDeadline = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline sets the deadlines of reads and writes.
func (c *prefixConn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

func (c *prefixConn) Close() error {
	c.once.Do(c.onClose)
	return c.Conn.Close()
}

// httpConn is a connection of HTTP. What net/http knows of TCP connections, such as to send files without copying them, goes
// on working.
type httpConn struct {
	*prefixConn
	tcp *net.TCPConn
}

func newHTTPConn(c *prefixConn) net.Conn {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(kernelSendBuffer) // best effort
		return &httpConn{c, tcp}
	}
	return c
}

// ReadFrom sends what r holds in chunks, each of which has its time.
func (c *httpConn) ReadFrom(r io.Reader) (sent int64, err error) {
	whole, ok := r.(*io.LimitedReader) // as net/http passes; the kernel sends files from no deeper inside than one
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

// CloseWrite lets the client read to the end of a response to a request that was not read to its own.
func (c *httpConn) CloseWrite() error { return c.tcp.CloseWrite() }

// turnIdleTimeout is how long a connection with a relay may be silent. Clients refresh a relay before it ends, which it does after ten
// minutes (RFC 8656, section 7.2), browsers a minute before.
const turnIdleTimeout = 11 * time.Minute

// turnConn is a connection of TURN. It ends with the deadline that a connection has at first, unless its client is given a relay
// by then; afterwards it ends when the client is silent.
type turnConn struct {
	*prefixConn
	hasRelay atomic.Bool // the client has been given one
}

func newTURNConn(c *prefixConn) net.Conn {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(kernelSendBuffer) // best effort
	}
	return &turnConn{prefixConn: c}
}

func (c *turnConn) Read(b []byte) (int, error) {
	if c.hasRelay.Load() {
		_ = c.SetReadDeadline(time.Now().Add(turnIdleTimeout))
	}
	return c.prefixConn.Read(b)
}

func (c *turnConn) Write(b []byte) (int, error) {
	if stunType(b) == stunAllocateSuccess {
		c.hasRelay.Store(true)
	}
	return c.prefixConn.Write(b)
}
