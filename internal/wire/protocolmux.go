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
	// defaultPatience is how long a connection may take to say what it carries. Browsers open some in advance.
	defaultPatience = 10 * time.Second
	// defaultWaiting is how many connections may be silent at a time. One more, and the one that has been so for longest is
	// closed: a thousand that never speak must not keep others out.
	defaultWaiting = 1024
	// acceptPause is how long to wait when the system has no room for another connection.
	acceptPause = 50 * time.Millisecond
	// defaultStall is how long a client may take nothing of what is written to it. Mobile networks hand over in less.
	defaultStall = 30 * time.Second
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
	ice      *TCPMux
	streams  *census // of ICE
	web      *handed
	turn     *handed
	done     chan struct{}
	work     sync.WaitGroup

	mu      sync.Mutex
	waiting list.List // of net.Conn that have not been handed on, the oldest first
	closed  bool
}

// NewProtocolMux takes over listener; closing the Split closes it.
func NewProtocolMux(listener net.Listener, o ProtocolMuxOptions) *ProtocolMux {
	if o.SniffTimeout == 0 {
		o.SniffTimeout = defaultPatience
	}
	if o.MaxUnsniffed == 0 {
		o.MaxUnsniffed = defaultWaiting
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = defaultStall
	}
	s := &ProtocolMux{listener: listener, options: o, done: make(chan struct{})}
	s.web = newHanded(s, newCensus("HTTP", o.HTTP, defaultHTTP, o), newHTTPConn)
	s.turn = newHanded(s, newCensus("TURN", o.TURN, defaultTURN, o), newTURNConn)
	s.streams = newCensus("ICE", o.ICE, defaultICE, o)
	s.ice = newStreamMux(listener.Addr())
	s.work.Go(s.accept) // ends when Close closes the listener
	return s
}

// HTTPListener is the listener of connections that carry HTTPListener. Closing it refuses further ones; ICE goes on.
func (s *ProtocolMux) HTTPListener() net.Listener { return s.web }

// TURNListener is the listener of connections that carry TURNListener.
func (s *ProtocolMux) TURNListener() net.Listener { return s.turn }

// TCPMux is the mux of connections that carry TCPMux.
func (s *ProtocolMux) TCPMux() *TCPMux { return s.ice }

// Close closes the port and every connection but those that carry HTTP or TURN, and waits for what reads from them.
func (s *ProtocolMux) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	for e := s.waiting.Front(); e != nil; e = e.Next() {
		_ = e.Value.(net.Conn).Close()
	}
	s.mu.Unlock()
	err := errors.Join(s.listener.Close(), s.ice.Close())
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
			case <-time.After(acceptPause):
				continue
			case <-s.done:
				return
			}
		}
		if ticket := s.admit(conn); ticket != nil {
			s.work.Go(func() { s.hand(conn, ticket) }) // ends when the connection is handed on, or silent for too long, or closed
		}
	}
}

// admit puts conn among those that wait, at the cost of the oldest if there are too many.
func (s *ProtocolMux) admit(conn net.Conn) *list.Element {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return nil
	}
	if s.waiting.Len() >= s.options.MaxUnsniffed {
		_ = s.waiting.Remove(s.waiting.Front()).(net.Conn).Close() // its goroutine finds it closed
	}
	return s.waiting.PushBack(conn)
}

// hand finds out what conn carries and gives it to whom it concerns. A connection of ICE is read here until it ends.
func (s *ProtocolMux) hand(conn net.Conn, ticket *list.Element) {
	_ = conn.SetReadDeadline(time.Now().Add(s.options.SniffTimeout))
	reader := bufio.NewReaderSize(conn, frameBuffer)
	what := undecided
	for n := 1; what == undecided; n++ {
		b, err := reader.Peek(n)
		if err != nil {
			what = carriesNeither
			break
		}
		what = classify(b)
	}
	var first []byte
	from := addrOf(conn.RemoteAddr()).Addr()
	switch what {
	case carriesHTTP:
		_ = conn.SetReadDeadline(time.Time{})
		s.web.give(conn, reader)
	case carriesTURN: // keeps the deadline, see turnConn
		s.turn.give(conn, reader)
	case carriesICE:
		first, _ = nextFrame(reader)
	}
	s.mu.Lock()
	s.waiting.Remove(ticket) // does nothing if it was pushed out
	s.mu.Unlock()
	switch {
	case first != nil && s.streams.enter(from):
		defer s.streams.leave(from)
		_ = conn.SetReadDeadline(time.Time{}) // from here on ICE decides who is gone
		s.ice.serve(conn, reader, first)
	case what != carriesHTTP && what != carriesTURN:
		_ = conn.Close()
	}
}
