package wire

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxQueuedBytes bounds what waits for one connection in bytes: a second at 2 Mbit/s. What is older is of no use to a call,
	// so with more waiting, packets are dropped, which tells the sender of media to send less.
	maxQueuedBytes = 256 << 10
	// streamSendBuffer bounds what waits behind that in the kernel, which would otherwise hold megabytes, or many seconds.
	streamSendBuffer = 256 << 10
	// streamWriteTimeout is how long a connection may take nothing at all before it is given up.
	streamWriteTimeout = 10 * time.Second
	// streamCloseTimeout is how long a streamCloseTimeout connection has to take what waits, such as the end of DTLS.
	streamCloseTimeout = time.Second
)

// tcpStream is one TCP connection that carries packets, each after its length (RFC 4571).
type tcpStream struct {
	conn   net.Conn
	remote netip.AddrPort
	copied chan struct{} // capacity 1: the packet last delivered has been copied

	wake chan struct{} // capacity 1: something waits, or the stream has closed

	mu            sync.Mutex
	queued, spare []byte // frames that wait; the other buffer is being sent
	closed        bool
}

func newTCPStream(conn net.Conn) *tcpStream {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(streamSendBuffer) // best effort
	}
	return &tcpStream{conn: conn, remote: addrOf(conn.RemoteAddr()), copied: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
}

// write queues one packet, or drops it if too much waits.
func (s *tcpStream) write(b []byte) {
	s.mu.Lock()
	if s.closed || len(s.queued)+2+len(b) > maxQueuedBytes || len(b) > frameBuffer {
		s.mu.Unlock()
		return
	}
	s.queued = binary.BigEndian.AppendUint16(s.queued, uint16(len(b)))
	s.queued = append(s.queued, b...)
	s.mu.Unlock()
	s.signal()
}

func (s *tcpStream) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // the writer is on its way
	}
}

// writeAll sends what is queued, many frames with one system call, until the stream closes or the connection fails. It
// closes the connection, which ends the reading from it.
func (s *tcpStream) writeAll() {
	defer func() { _ = s.conn.Close() }()
	for range s.wake {
		s.mu.Lock()
		batch, limit, closed := s.queued, streamWriteTimeout, s.closed
		s.queued, s.spare = s.spare[:0], nil
		if closed {
			limit = streamCloseTimeout
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
func (s *tcpStream) close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		_ = s.conn.SetWriteDeadline(time.Now().Add(streamCloseTimeout)) // also for what is being sent
	}
	s.mu.Unlock()
	_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // ends the reading at once
	s.signal()
}
