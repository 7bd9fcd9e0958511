package wire

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxQueuedBytes bounds the queue of one connection in bytes: one second of traffic at 2 Mbit/s. If the queue is full,
	// further packets are dropped: they would arrive too late to be of use to a call. Because of the loss, congestion
	// control reduces the bitrate.
	maxQueuedBytes = 256 << 10
	// streamSendBuffer is the size in bytes of the kernel's send buffer of one connection. By default, the kernel would hold
	// megabytes, which may be many seconds of media.
	streamSendBuffer = 256 << 10
	// streamWriteTimeout is how long a client may read nothing before its connection is closed.
	streamWriteTimeout = 10 * time.Second
	// streamCloseTimeout is how long a connection that is being closed may take to send the packets in its queue. They may
	// contain the close_notify alert of DTLS.
	streamCloseTimeout = time.Second
)

// tcpStream is one TCP connection that carries packets, each preceded by its length (RFC 4571).
type tcpStream struct {
	conn   net.Conn
	remote netip.AddrPort
	copied chan struct{} // capacity 1: signals that the packet of TCPMuxedConn.deliver has been copied

	wake chan struct{} // capacity 1: signals that queued is not empty or that closed has been set

	mu            sync.Mutex
	queued, spare []byte // frames to send, and an empty buffer (nil while the former queue is being sent)
	closed        bool
}

// newTCPStream returns a stream that uses conn. The caller has to run writeAll.
func newTCPStream(conn net.Conn) *tcpStream {
	if tcp, ok := tcpConn(conn); ok {
		_ = tcp.SetWriteBuffer(streamSendBuffer) // best effort
	}
	return &tcpStream{conn: conn, remote: addrOf(conn.RemoteAddr()), copied: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
}

// write queues one packet. It drops the packet if the queue is full or the stream is closed.
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

// signal wakes writeAll.
func (s *tcpStream) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // writeAll has been woken already
	}
}

// writeAll sends queued frames, many with one system call, until the stream is closed or the connection fails. Then it
// closes the connection, which also ends TCPMux.serve.
func (s *tcpStream) writeAll() {
	defer func() { _ = s.conn.Close() }()
	for range s.wake {
		s.mu.Lock()
		batch, limit, closed := s.queued, streamWriteTimeout, s.closed
		s.queued, s.spare = s.spare[:0], nil
		if closed {
			limit = streamCloseTimeout
		}
		_ = s.conn.SetWriteDeadline(time.Now().Add(limit)) // under the lock, because close may shorten it
		s.mu.Unlock()
		_, err := s.conn.Write(batch)
		s.mu.Lock()
		s.spare = batch
		s.closed = s.closed || err != nil // refuse further packets
		s.mu.Unlock()
		if closed || err != nil {
			return
		}
	}
}

// close sends the queued frames, for at most streamCloseTimeout, and then closes the connection. It does not wait.
func (s *tcpStream) close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		_ = s.conn.SetWriteDeadline(time.Now().Add(streamCloseTimeout)) // applies to a write in progress too
	}
	s.mu.Unlock()
	_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // ends TCPMux.serve immediately
	s.signal()
}
