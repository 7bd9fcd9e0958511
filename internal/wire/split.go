package wire

import (
	"bufio"
	"bytes"
	"container/list"
	"errors"
	"net"
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
)

// SplitOptions tunes a Split. The zero value is right for a server.
type SplitOptions struct {
	Patience time.Duration // how long a connection may be silent at first, 10 s when 0
	Waiting  int           // how many may be, 1024 when 0
}

// Split shares one TCP port between HTTP, with TLS or without, ICE and TURN. It reads as much of each connection as it takes
// to tell which it is.
type Split struct {
	listener net.Listener
	options  SplitOptions
	ice      *StreamMux
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
	s := &Split{listener: listener, options: o, done: make(chan struct{})}
	s.web, s.turn = newHanded(s), newHanded(s)
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
	switch what {
	case carriesHTTP:
		_ = conn.SetReadDeadline(time.Time{})
		s.web.give(conn, reader)
	case carriesTURN:
		_ = conn.SetReadDeadline(time.Time{})
		s.turn.give(conn, reader)
	case carriesICE:
		first, _ = nextFrame(reader)
	}
	s.mu.Lock()
	s.waiting.Remove(ticket) // does nothing if it was pushed out
	s.mu.Unlock()
	switch {
	case first != nil:
		_ = conn.SetReadDeadline(time.Time{}) // from here on ICE decides who is gone
		s.ice.serve(conn, reader, first)
	case what != carriesHTTP && what != carriesTURN:
		_ = conn.Close()
	}
}

// handed hands out the connections that carry one thing.
type handed struct {
	split *Split
	conns chan net.Conn // not buffered: who gives one waits until it is taken
	done  chan struct{}
	close sync.Once
}

func newHanded(s *Split) *handed {
	return &handed{split: s, conns: make(chan net.Conn), done: make(chan struct{})}
}

// give waits until conn is taken, or closes it.
func (l *handed) give(conn net.Conn, reader *bufio.Reader) {
	first, _ := reader.Peek(reader.Buffered())
	first = bytes.Clone(first) // the buffer is larger than what was said
	if tcp, ok := conn.(*net.TCPConn); ok {
		conn = &begunTCP{TCPConn: tcp, first: first}
	} else {
		conn = &begun{Conn: conn, first: first}
	}
	select {
	case l.conns <- conn:
	case <-l.done:
		_ = conn.Close()
	case <-l.split.done:
		_ = conn.Close()
	}
}

func (l *handed) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-l.split.done:
		return nil, net.ErrClosed
	}
}

func (l *handed) Close() error {
	l.close.Do(func() { close(l.done) })
	return nil
}

func (l *handed) Addr() net.Addr { return l.split.listener.Addr() }
