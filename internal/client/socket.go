package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	// writeTimeout is the longest time that writing a message may take. A server that reads nothing for this time is
	// considered lost.
	writeTimeout = 5 * time.Second
	// firstMessageTimeout is the time to wait for the first message, as in LiveKit's clients.
	firstMessageTimeout = 5 * time.Second
	// maxMessageSize is the largest message accepted from the server, in bytes. The participant list of a full room
	// is far smaller.
	maxMessageSize = 16 << 20
)

// HandshakeError is returned when the server refuses to open the signalling socket.
type HandshakeError struct {
	Status int    // HTTP status, such as 401
	Text   string // response body, cut after one kilobyte
}

// Error returns the status and the body of the response.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("the server refused the connection with status %d: %s", e.Status, e.Text)
}

// socket is a WebSocket that carries signalling messages.
type socket struct {
	ws          *websocket.Conn
	json        bool          // send text frames
	readTimeout time.Duration // read deadline after each message, 0 for none; set before the read goroutine starts
	ended       chan struct{} // closed when the read goroutine has stopped reading

	mu sync.Mutex // serialises writes
}

// dial opens a signalling socket. If the server refuses it, the error is a HandshakeError.
func dial(ctx context.Context, url, token string, opts *Options) (*socket, error) {
	header := http.Header{"Authorization": {"Bearer " + token}}
	// During the handshake, gorilla/websocket respects only the deadline of ctx. To respect cancellation too, the
	// deadline of the connection is set to the past.
	stop := func() bool { return true }
	dialer := *websocket.DefaultDialer
	dialer.TLSClientConfig = opts.TLS
	dialer.NetDialContext = func(opening context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(opening, network, address)
		if err == nil {
			stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		}
		return conn, err
	}
	ws, resp, err := dialer.DialContext(ctx, url, header)
	if !stop() {
		if err == nil {
			_ = ws.Close()
		}
		return nil, ctx.Err()
	}
	if err != nil {
		if errors.Is(err, websocket.ErrBadHandshake) && resp != nil {
			text, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
			return nil, &HandshakeError{Status: resp.StatusCode, Text: strings.TrimSpace(string(text))}
		}
		return nil, fmt.Errorf("open signalling socket: %w", err)
	}
	ws.SetReadLimit(maxMessageSize)
	return &socket{ws: ws, json: opts.JSON, ended: make(chan struct{})}, nil
}

// readFirst reads the server's first message, which accepts or refuses the join or resume.
func (s *socket) readFirst(ctx context.Context) (*livekit.SignalResponse, error) {
	deadline := time.Now().Add(firstMessageTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := s.ws.SetReadDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set read deadline: %w", err)
	}
	// A cancelled ctx must end the read immediately, not at its deadline.
	stop := context.AfterFunc(ctx, func() { _ = s.ws.SetReadDeadline(time.Unix(1, 0)) })
	msg, err := s.decode()
	if !stop() && err != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("read the first message: %w", err)
	}
	return msg, s.ws.SetReadDeadline(time.Time{})
}

// read reads one message. It fails if the server is silent for longer than readTimeout.
func (s *socket) read() (*livekit.SignalResponse, error) {
	if s.readTimeout > 0 {
		if err := s.ws.SetReadDeadline(time.Now().Add(s.readTimeout)); err != nil {
			return nil, err
		}
	}
	return s.decode()
}

// decode reads one message. It does not use package frame, whose limits on the number of values in a message are
// meant for untrusted clients. The JoinResponse of a large room exceeds these limits.
func (s *socket) decode() (*livekit.SignalResponse, error) {
	kind, data, err := s.ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	msg := &livekit.SignalResponse{}
	if kind == websocket.TextMessage {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, msg)
	} else {
		err = proto.Unmarshal(data, msg)
	}
	if err != nil {
		return nil, fmt.Errorf("decode signalling message: %w", err)
	}
	return msg, nil
}

// send writes one message. It fails with ErrSignalLost if the socket cannot send the message. In this case the socket
// cannot send later messages either.
func (s *socket) send(req *livekit.SignalRequest) error {
	kind, marshal := websocket.BinaryMessage, proto.Marshal
	if s.json {
		kind, marshal = websocket.TextMessage, protojson.Marshal
	}
	data, err := marshal(req)
	if err != nil {
		return fmt.Errorf("encode signalling message: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ws.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("%w: %w", ErrSignalLost, err)
	}
	if err := s.ws.WriteMessage(kind, data); err != nil {
		return fmt.Errorf("%w: %w", ErrSignalLost, err)
	}
	return nil
}

// close closes the socket without sending Leave.
func (s *socket) close() { _ = s.ws.Close() }

// reset closes the TCP connection with a reset and without a close frame, like a failing network.
func (s *socket) reset() {
	if tcp, ok := s.ws.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.ws.NetConn().Close()
}

// ping sends pings at the given interval until the socket ends.
func (s *socket) ping(interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-s.ended:
			return
		case now := <-tick.C:
			req := &livekit.Ping{Timestamp: now.UnixMilli()}
			if s.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_PingReq{PingReq: req}}) != nil {
				return // the read goroutine detects and reports the loss
			}
		}
	}
}
