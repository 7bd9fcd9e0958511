package wire

import (
	"container/list"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// defaultSniffTimeout is the default of ProtocolMuxOptions.SniffTimeout. Browsers open some connections in advance, and
	// send the first bytes later.
	defaultSniffTimeout = 10 * time.Second
	// defaultMaxUnsniffed is the default of ProtocolMuxOptions.MaxUnsniffed.
	defaultMaxUnsniffed = 1024
	// retryDelay is the pause after a failed accept or read, for example because too many files are open.
	retryDelay = 50 * time.Millisecond
	// defaultWriteTimeout is the default of ProtocolMuxOptions.WriteTimeout. A handover between mobile networks takes less
	// time.
	defaultWriteTimeout = 30 * time.Second
)

// ProtocolMuxOptions configure a ProtocolMux. The zero value is right for a server.
type ProtocolMuxOptions struct {
	// SniffTimeout is how long a connection may take to send the first bytes, and how long a TURN connection may take to
	// allocate a relay; 10 s if zero.
	SniffTimeout time.Duration
	// MaxUnsniffed is the maximum number of open connections whose protocol is not yet known; 1024 if zero. A further
	// connection replaces the oldest, so that connections without data cannot keep others out.
	MaxUnsniffed int
	// WriteTimeout is how long the client of an HTTP or TURN connection may read nothing while the server has data to send;
	// 30 s if zero.
	WriteTimeout time.Duration

	// TLS is the configuration with which the server terminates TLS. Without it, HTTP gets TLS connections unchanged, and
	// refuses them. NextProtos must contain the protocols of HTTP and of TURN (RFC 7443).
	TLS *tls.Config

	// IsProxy reports whether an address belongs to a trusted reverse proxy. Such a proxy may send the header of the PROXY
	// protocol. It carries the connections of many clients, so ConnLimits.PerAddress does not apply to it. Private, loopback
	// and link-local addresses are always exempt from that limit. IsProxy may be nil.
	IsProxy func(netip.Addr) bool
	// HTTP, TURN and ICE are the limits of the open connections of each protocol. Further connections are closed
	// immediately. The zero value means the default.
	HTTP, TURN, ICE ConnLimits
	// OnRefused is called when a connection has been closed because of ConnLimits, at most once a minute for each protocol.
	// total is the number of connections of that protocol that have been closed since the start. OnRefused may be nil.
	OnRefused func(protocol string, total uint64)
}

// ProtocolMux shares one TCP port between HTTP, TURN and ICE, each with or without TLS. It reads as many bytes of each
// connection as are necessary to detect the protocol. The header of the PROXY protocol may precede them.
type ProtocolMux struct {
	listener net.Listener
	options  ProtocolMuxOptions
	tcp      *TCPMux
	iceConns *connCounter // counts ICE connections
	http     *chanListener
	turn     *chanListener
	done     chan struct{}
	work     sync.WaitGroup

	mu        sync.Mutex
	unsniffed list.List // elements are net.Conn whose protocol is not yet known, oldest first
	closed    bool
}

// NewProtocolMux starts to accept connections from listener. ProtocolMux.Close closes listener.
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
	s.tcp = newTCPMux(listener.Addr())
	s.work.Go(s.accept) // ends when Close closes the listener
	return s
}

// HTTPListener returns the listener that accepts HTTP connections. After the listener has been closed, further HTTP
// connections are refused. ICE and TURN are not affected.
func (s *ProtocolMux) HTTPListener() net.Listener { return s.http }

// TURNListener returns the listener that accepts TURN connections.
func (s *ProtocolMux) TURNListener() net.Listener { return s.turn }

// TCPMux returns the mux of the connections that carry ICE.
func (s *ProtocolMux) TCPMux() *TCPMux { return s.tcp }

// Close closes the port and all connections except those that the HTTP and TURN servers have accepted, which these servers close. It
// waits for the goroutines.
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

// accept starts a goroutine for each accepted connection until the listener is closed.
func (s *ProtocolMux) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files, or the client has disconnected
			select {
			case <-time.After(retryDelay):
				continue
			case <-s.done:
				return
			}
		}
		if element := s.addUnsniffed(conn); element != nil {
			s.work.Go(func() { s.sniff(conn, element) }) // ends when the protocol is known, SniffTimeout has passed or the connection ends; with ICE, only when the connection ends
		}
	}
}

// addUnsniffed adds conn to the list unsniffed and returns the list element. If the list is full, it closes the oldest
// connection. It closes conn and returns nil if s is closed.
func (s *ProtocolMux) addUnsniffed(conn net.Conn) *list.Element {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return nil
	}
	if s.unsniffed.Len() >= s.options.MaxUnsniffed {
		_ = s.unsniffed.Remove(s.unsniffed.Front()).(net.Conn).Close() // which ends its goroutine
	}
	return s.unsniffed.PushBack(conn)
}

// sniff detects the protocol of conn and passes conn to the listener or mux of that protocol. With ICE it reads from conn
// until the connection ends.
func (s *ProtocolMux) sniff(conn net.Conn, element *list.Element) {
	_ = conn.SetReadDeadline(time.Now().Add(s.options.SniffTimeout))
	c := s.detect(conn)
	var first []byte
	switch c.protocol {
	case protocolHTTP:
		_ = conn.SetReadDeadline(time.Time{})
		s.http.deliver(c)
	case protocolTURN: // retains the deadline, see turnConn
		s.turn.deliver(c)
	case protocolICE:
		first, _ = nextFrame(c.reader)
	}
	s.mu.Lock()
	s.unsniffed.Remove(element) // does nothing if addUnsniffed has removed it
	s.mu.Unlock()
	switch {
	case first != nil && s.iceConns.acquire(c.client()):
		defer s.iceConns.release(c.client())
		_ = conn.SetReadDeadline(time.Time{}) // from here on ICE detects disconnected clients
		s.tcp.serve(c.iceConn(), c.reader, first)
	case c.protocol != protocolHTTP && c.protocol != protocolTURN:
		_ = conn.Close()
	}
}
