package wire

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// stallChunk is how many bytes are written at a time, each of which has SplitOptions.Stall.
	stallChunk = 64 << 10
	// handedBuffer is how many bytes the kernel keeps for one client. It also says how fast a client has to read, because the
	// kernel takes more only when a third of its buffer is free: 3 KB/s with the default Stall.
	handedBuffer = 256 << 10
)

// handedConn is a connection of which the first bytes have been read already. A write fails once the client has taken nothing
// for a while, unless the user of the connection has set a deadline of its own: a client must not hold a connection, and what
// is to be written to it, by not reading. How long a response takes as a whole is not bounded.
type handedConn struct {
	net.Conn
	first  []byte // read by one goroutine at a time
	stall  time.Duration
	closed func() // called once
	once   sync.Once

	mu  sync.Mutex
	own bool // the user has set a deadline for writes
}

func (c *handedConn) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

func (c *handedConn) Write(b []byte) (written int, err error) {
	for {
		c.renew()
		n, err := c.Conn.Write(b[:min(len(b), stallChunk)])
		if written += n; err != nil || n == len(b) {
			return written, err
		}
		b = b[n:]
	}
}

// renew gives the next chunk its time.
func (c *handedConn) renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.own {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(c.stall))
	}
}

// SetWriteDeadline replaces the deadline of each chunk; the zero time brings that back.
func (c *handedConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline sets the deadlines of reads and writes.
func (c *handedConn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

func (c *handedConn) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}

// httpConn is a connection of HTTP. What net/http knows of TCP connections, such as to send files without copying them, goes
// on working.
type httpConn struct {
	*handedConn
	tcp *net.TCPConn
}

func newHTTPConn(c *handedConn) net.Conn {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(handedBuffer) // best effort
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
		c.renew()
		chunk := io.LimitedReader{R: whole.R, N: min(whole.N, stallChunk)}
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

// turnIdle is how long a connection with a relay may be silent. Clients refresh a relay before it ends, which it does after ten
// minutes (RFC 8656, section 7.2), browsers a minute before.
const turnIdle = 11 * time.Minute

// turnConn is a connection of TURN. It ends with the deadline that a connection has at first, unless its client is given a relay
// by then; afterwards it ends when the client is silent.
type turnConn struct {
	*handedConn
	relay atomic.Bool // the client has been given one
}

func newTURNConn(c *handedConn) net.Conn {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(handedBuffer) // best effort
	}
	return &turnConn{handedConn: c}
}

func (c *turnConn) Read(b []byte) (int, error) {
	if c.relay.Load() {
		_ = c.SetReadDeadline(time.Now().Add(turnIdle))
	}
	return c.handedConn.Read(b)
}

func (c *turnConn) Write(b []byte) (int, error) {
	if stunType(b) == stunAllocated {
		c.relay.Store(true)
	}
	return c.handedConn.Write(b)
}
