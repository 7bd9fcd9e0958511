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

// SplitOptions tunes a Split. The zero value is right for a server.
type SplitOptions struct {
	Patience time.Duration // how long a connection may be silent at first, and one of TURN without a relay; 10 s when 0
	Waiting  int           // how many may be silent, 1024 when 0
	Stall    time.Duration // how long a client of HTTP or TURN may take nothing of what it is sent, 30 s when 0

	// Proxy tells which addresses, besides those that are not public, are of reverse proxies: they carry the connections of
	// everybody, so only the total of a Quota bounds theirs. It may be nil.
	Proxy func(netip.Addr) bool
	// Quotas of connections. One beyond them is closed at once. The zero Quota is the default.
	HTTP, TURN, ICE Quota
	// OnRefused is called when a connection has been closed for a quota, at most once a minute for each kind, with the number
	// of those closed since the start. It may be nil.
	OnRefused func(kind string, total uint64)
}

// Split shares one TCP port between HTTP, with TLS or without, ICE and TURN. It reads as much of each connection as it takes
// to tell which it is.
type Split struct {
	listener net.Listener
	options  SplitOptions
	ice      *StreamMux
	streams  *census // of ICE
	web      *handed
	turn     *handed
	done     chan struct{}
	work     sync.WaitGroup

	mu      sync.Mutex
	waiting list.List // of net.Conn that have not been handed on, the oldest first
	closed  bool
}

// NewSplit takes over listener; closing the Split closes it.
func NewSplit(listener net.Listener, o SplitOptions) *Split {
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Waiting == 0 {
		o.Waiting = defaultWaiting
	}
	if o.Stall == 0 {
		o.Stall = defaultStall
	}
	s := &Split{listener: listener, options: o, done: make(chan struct{})}
	s.web = newHanded(s, newCensus("HTTP", o.HTTP, defaultHTTP, o), newHTTPConn)
	s.turn = newHanded(s, newCensus("TURN", o.TURN, defaultTURN, o), newTURNConn)
	s.streams = newCensus("ICE", o.ICE, defaultICE, o)
	s.ice = newStreamMux(listener.Addr())
	s.work.Go(s.accept) // ends when Close closes the listener
	return s
}

// HTTP is the listener of connections that carry HTTP. Closing it refuses further ones; ICE goes on.
func (s *Split) HTTP() net.Listener { return s.web }

// TURN is the listener of connections that carry TURN.
func (s *Split) TURN() net.Listener { return s.turn }

// ICE is the mux of connections that carry ICE.
func (s *Split) ICE() *StreamMux { return s.ice }

// Close closes the port and every connection but those that carry HTTP or TURN, and waits for what reads from them.
func (s *Split) Close() error {
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

func (s *Split) accept() {
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
func (s *Split) admit(conn net.Conn) *list.Element {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return nil
	}
	if s.waiting.Len() >= s.options.Waiting {
		_ = s.waiting.Remove(s.waiting.Front()).(net.Conn).Close() // its goroutine finds it closed
	}
	return s.waiting.PushBack(conn)
}

// hand finds out what conn carries and gives it to whom it concerns. A connection of ICE is read here until it ends.
func (s *Split) hand(conn net.Conn, ticket *list.Element) {
	_ = conn.SetReadDeadline(time.Now().Add(s.options.Patience))
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
