package wire

import (
	"bufio"
	"container/list"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// defaultSniffTimeout is how long a connection may take to say what it carries. Browsers open some in advance.
	defaultSniffTimeout = 10 * time.Second
	// defaultMaxUnsniffed is how many connections may be silent at a time. One more, and the one that has been so for longest is
	// closed: a thousand that never speak must not keep others out.
	defaultMaxUnsniffed = 1024
	// retryDelay is how long to wait when the system has no room for another connection.
	retryDelay = 50 * time.Millisecond
	// defaultWriteTimeout is how long a client may take nothing of what is written to it. Mobile networks hand over in less.
	defaultWriteTimeout = 30 * time.Second
)

// ProtocolMuxOptions tunes a Split. The zero value is right for a server.
type ProtocolMuxOptions struct {
	SniffTimeout time.Duration // how long a connection may be silent at first, and one of TURN without a relay; 10 s when 0
	MaxUnsniffed int           // how many may be silent, 1024 when 0
	WriteTimeout time.Duration // how long a client of HTTP or TURN may take nothing of what it is sent, 30 s when 0

	// IsProxy tells which addresses, besides those that are not public, are of reverse proxies: they carry the connections of
	// everybody, so only the total of a Quota bounds theirs. It may be nil.
	IsProxy func(netip.Addr) bool
	// Quotas of connections. One beyond them is closed at once. The zero Quota is the default.
	HTTP, TURN, ICE ConnLimits
	// OnRefused is called when a connection has been closed for a quota, at most once a minute for each kind, with the number
	// of those closed since the start. It may be nil.
	OnRefused func(kind string, total uint64)
}

// ProtocolMux shares one TCP port between HTTP, with TLS or without, ICE and TURN. It reads as much of each connection as it takes
// to tell which it is.
type ProtocolMux struct {
	listener net.Listener
	options  ProtocolMuxOptions
	tcp      *TCPMux
	iceConns *connCounter // of ICE
	http     *chanListener
	turn     *chanListener
	done     chan struct{}
	work     sync.WaitGroup

	mu        sync.Mutex
	unsniffed list.List // of net.Conn that have not been handed on, the oldest first
	closed    bool
}

// NewProtocolMux takes over listener; closing the Split closes it.
func NewProtocolMux(listener net.Listener, o ProtocolMuxOptions) *ProtocolMux {
	if o.SniffTimeout == 0 {
		o.SniffTimeout = defaultSniffTimeout
	}
	if o.MaxUnsniffed == 0 {
		o.MaxUnsniffed = defaultMaxUnsniffed
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = defaultWriteTimeout
	}
	s := &ProtocolMux{listener: listener, options: o, done: make(chan struct{})}
	s.http = newChanListener(s, newConnCounter("HTTP", o.HTTP, defaultHTTP, o), newHTTPConn)
	s.turn = newChanListener(s, newConnCounter("TURN", o.TURN, defaultTURN, o), newTURNConn)
	s.iceConns = newConnCounter("ICE", o.ICE, defaultICE, o)
	s.tcp = newStreamMux(listener.Addr())
	s.work.Go(s.accept) // ends when Close closes the listener
	return s
}

// HTTPListener is the listener of connections that carry HTTPListener. Closing it refuses further ones; ICE goes on.
func (s *ProtocolMux) HTTPListener() net.Listener { return s.http }

// TURNListener is the listener of connections that carry TURNListener.
func (s *ProtocolMux) TURNListener() net.Listener { return s.turn }

// TCPMux is the mux of connections that carry TCPMux.
func (s *ProtocolMux) TCPMux() *TCPMux { return s.tcp }

// Close closes the port and every connection but those that carry HTTP or TURN, and waits for what reads from them.
func (s *ProtocolMux) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	for e := s.unsniffed.Front(); e != nil; e = e.Next() {
		_ = e.Value.(net.Conn).Close()
	}
	s.mu.Unlock()
	err := errors.Join(s.listener.Close(), s.tcp.Close())
	s.work.Wait()
	return err
}

func (s *ProtocolMux) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files, or a client that has gone again
			select {
			case <-time.After(retryDelay):
				continue
			case <-s.done:
				return
			}
		}
		if ticket := s.addUnsniffed(conn); ticket != nil {
			s.work.Go(func() { s.sniff(conn, ticket) }) // ends when the connection is handed on, or silent for too long, or closed
		}
	}
}

// addUnsniffed puts conn among those that wait, at the cost of the oldest if there are too many.
func (s *ProtocolMux) addUnsniffed(conn net.Conn) *list.Element {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return nil
	}
	if s.unsniffed.Len() >= s.options.MaxUnsniffed {
		_ = s.unsniffed.Remove(s.unsniffed.Front()).(net.Conn).Close() // its goroutine finds it closed
	}
	return s.unsniffed.PushBack(conn)
}

// sniff finds out what conn carries and gives it to whom it concerns. A connection of ICE is read here until it ends.
func (s *ProtocolMux) sniff(conn net.Conn, ticket *list.Element) {
	_ = conn.SetReadDeadline(time.Now().Add(s.options.SniffTimeout))
	reader := bufio.NewReaderSize(conn, frameBuffer)
	what := undecided
	for n := 1; what == undecided; n++ {
		b, err := reader.Peek(n)
		if err != nil {
			what = protocolUnknown
			break
		}
		what = classify(b)
	}
	var first []byte
	from := addrOf(conn.RemoteAddr()).Addr()
	switch what {
	case protocolHTTP:
		_ = conn.SetReadDeadline(time.Time{})
		s.http.deliver(conn, reader)
	case protocolTURN: // keeps the deadline, see turnConn
		s.turn.deliver(conn, reader)
	case protocolICE:
		first, _ = nextFrame(reader)
	}
	s.mu.Lock()
	s.unsniffed.Remove(ticket) // does nothing if it was pushed out
	s.mu.Unlock()
	switch {
	case first != nil && s.iceConns.acquire(from):
		defer s.iceConns.release(from)
		_ = conn.SetReadDeadline(time.Time{}) // from here on ICE decides who is gone
		s.tcp.serve(conn, reader, first)
	case what != protocolHTTP && what != protocolTURN:
		_ = conn.Close()
	}
}
