package wire

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxUnsent bounds what waits for one connection in bytes: a second at 2 Mbit/s. What is older is of no use to a call,
	// so with more waiting, packets are dropped, which tells the sender of media to send less.
	maxUnsent = 256 << 10
	// kernelUnsent bounds what waits behind that in the kernel, which would otherwise hold megabytes, or many seconds.
	kernelUnsent = 256 << 10
	// stuck is how long a connection may take nothing at all before it is given up.
	stuck = 10 * time.Second
	// closing is how long a closing connection has to take what waits, such as the end of DTLS.
	closing = time.Second
)

// stream is one TCP connection that carries packets, each after its length (RFC 4571).
type stream struct {
	conn   net.Conn
	remote netip.AddrPort
	taken  chan struct{} // capacity 1: the packet last delivered has been copied

	wake chan struct{} // capacity 1: something waits, or the stream has closed

	mu            sync.Mutex
	unsent, spare []byte // frames that wait; the other buffer is being sent
	closed        bool
}

func newStream(conn net.Conn) *stream {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(kernelUnsent) // best effort
	}
	return &stream{conn: conn, remote: addrOf(conn.RemoteAddr()), taken: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
}

// write queues one packet, or drops it if too much waits.
func (s *stream) write(b []byte) {
	s.mu.Lock()
	if s.closed || len(s.unsent)+2+len(b) > maxUnsent || len(b) > frameBuffer {
		s.mu.Unlock()
		return
	}
	s.unsent = binary.BigEndian.AppendUint16(s.unsent, uint16(len(b)))
	s.unsent = append(s.unsent, b...)
	s.mu.Unlock()
	s.signal()
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // the writer is on its way
	}
}

// writeAll sends what is queued, many frames with one system call, until the stream closes or the connection fails. It
// closes the connection, which ends the reading from it.
func (s *stream) writeAll() {
	defer func() { _ = s.conn.Close() }()
	for range s.wake {
		s.mu.Lock()
		batch, limit, closed := s.unsent, stuck, s.closed
		s.unsent, s.spare = s.spare[:0], nil
		if closed {
			limit = closing
		}
		_ = s.conn.SetWriteDeadline(time.Now().Add(limit)) // under the lock: close may shorten it
		s.mu.Unlock()
		_, err := s.conn.Write(batch)
		s.mu.Lock()
		s.spare = batch
		s.closed = s.closed || err != nil // nobody needs to queue any more
		s.mu.Unlock()
		if closed || err != nil {
			return
		}
	}
}

// close lets what is queued go out and then ends the connection.
func (s *stream) close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		_ = s.conn.SetWriteDeadline(time.Now().Add(closing)) // also for what is being sent
	}
	s.mu.Unlock()
	_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // ends the reading at once
	s.signal()
}
