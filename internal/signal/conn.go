package signal

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"

	"meet/internal/bytequeue"
	"meet/internal/frame"
	"meet/internal/rtc"
)

const (
	// frameLimit is the largest size of a client's message, in bytes. The largest valid message is an offer with about
	// 100 media sections.
	frameLimit = 1 << 20
	// maxQueuedMessages and maxQueuedBytes bound the queue of messages to a client. If the queue is full, the client gets
	// a Leave that makes it reconnect. A single message may have any size if the queue is empty.
	maxQueuedMessages = 1024
	maxQueuedBytes    = 8 << 20
	// pingInterval is the time between WebSocket pings. A client is disconnected if it sends nothing, not even a pong,
	// for idleTimeout, or if a write to it takes longer than writeTimeout.
	pingInterval = 10 * time.Second
	idleTimeout  = 3 * pingInterval
	writeTimeout = 5 * time.Second
)

// Conn is a client's signalling connection. It implements rtc.SignalSink: messages can be queued as soon as it
// exists, and serve sends them when the WebSocket is open.
type Conn struct {
	log       *slog.Logger
	json      atomic.Bool // the client's last frame was text
	queue     *bytequeue.Queue[*rtc.Message]
	closing   chan struct{}
	closeOnce sync.Once
	tooSlow   atomic.Bool // closed because the queue was full
}

// newConn returns a Conn without a WebSocket.
func newConn(log *slog.Logger) *Conn {
	return &Conn{log: log, queue: bytequeue.New[*rtc.Message](maxQueuedMessages, maxQueuedBytes, nil), closing: make(chan struct{})}
}

// Send queues m and never blocks. It returns false if the connection is closed. If the queue is full, it closes the
// connection and returns false.
func (c *Conn) Send(m *rtc.Message) bool {
	select {
	case <-c.closing:
		return false
	default:
	}
	if c.queue.Put(m, m.Size()) {
		return true
	}
	c.tooSlow.Store(true)
	c.Close()
	return false
}

// Close makes serve send the queued messages and close the WebSocket. It does not wait.
func (c *Conn) Close() { c.closeOnce.Do(func() { close(c.closing) }) }

// serve runs the connection on ws until either side closes it. malformed is called for each frame that cannot be
// read.
func (c *Conn) serve(ws *websocket.Conn, s *rtc.Session, malformed func()) {
	var writer sync.WaitGroup
	writer.Go(func() { // ends when the Conn is closed, or the socket fails
		c.writeLoop(ws)
		_ = ws.Close()
	})
	c.readLoop(ws, s, malformed)
	s.SignalLost()
	c.Close()
	writer.Wait()
}

// readLoop passes the client's messages to the session until the WebSocket fails, a frame is malformed, or the room
// ends.
func (c *Conn) readLoop(ws *websocket.Conn, s *rtc.Session, malformed func()) {
	ws.SetReadLimit(frameLimit)
	alive := func() { _ = ws.SetReadDeadline(time.Now().Add(idleTimeout)) }
	alive()
	ws.SetPongHandler(func(string) error { alive(); return nil })
	for {
		m := &livekit.SignalRequest{}
		kind, err := frame.Read(ws, m)
		if errors.Is(err, websocket.ErrReadLimit) {
			malformed()
			drain(ws)
			return
		}
		if err != nil && !errors.Is(err, frame.ErrMalformed) {
			return
		}
		alive()
		s.NoteActivity()
		if err != nil {
			malformed()
			c.closeMalformed(ws, "this frame is not a SignalRequest message")
			drain(ws)
			return
		}
		c.json.Store(kind == websocket.TextMessage)
		if c.answerPing(m) {
			continue
		}
		if s.Handle(context.Background(), m) != nil { // waits only for the room's loop
			return // the room has ended
		}
	}
}

// drain reads and discards what the client still sends, for at most a second, after a close frame was sent to it. If a
// TCP socket with unread bytes is closed, the connection is reset, and the client may not receive the close frame.
func drain(ws *websocket.Conn) {
	conn := ws.NetConn()
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.CopyN(io.Discard, conn, 4*frameLimit)
}

// closeMalformed sends a close frame with status 1007, invalid data (RFC 6455, section 7.4.1).
func (c *Conn) closeMalformed(ws *websocket.Conn, reason string) {
	message := websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, reason)
	_ = ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(writeTimeout))
}

// answerPing answers both forms of LiveKit's own pings (docs/protocol.md, 1.8). It returns false if m is not a ping or the
// connection is closed. Times are in milliseconds.
func (c *Conn) answerPing(m *livekit.SignalRequest) bool {
	now := time.Now().UnixMilli()
	switch ping := m.Message.(type) {
	case *livekit.SignalRequest_Ping:
		return c.Send(rtc.NewMessage(pongMessage(now)))
	case *livekit.SignalRequest_PingReq:
		return c.Send(rtc.NewMessage(pongRespMessage(ping.PingReq.GetTimestamp(), now)))
	}
	return false
}

// pongMessage returns the answer to a ping of the older form. It does not repeat the ping's timestamp.
func pongMessage(now int64) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_Pong{Pong: now}}
}

// pongRespMessage returns the answer to a ping of the newer form, with the ping's timestamp.
func pongRespMessage(pinged, now int64) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_PongResp{
		PongResp: &livekit.Pong{LastPingTimestamp: pinged, Timestamp: now},
	}}
}

// writeLoop sends queued messages and pings until the Conn is closed and the queue is empty, or a write fails.
func (c *Conn) writeLoop(ws *websocket.Conn) {
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	for {
		select {
		case i := <-c.queue.Items():
			c.queue.Done(i)
			if !c.writeMessage(ws, i.Value) {
				return
			}
		case <-ping.C:
			if ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout)) != nil {
				return
			}
		case <-c.closing:
			c.flushAndClose(ws)
			return
		}
	}
}

// flushAndClose sends the queued messages and a close frame. A client that is too slow is sent a Leave instead of the
// queued messages.
func (c *Conn) flushAndClose(ws *websocket.Conn) {
	if c.tooSlow.Load() {
		c.log.Warn("a client does not read its messages and was disconnected")
		c.writeMessage(ws, rtc.NewMessage(rtc.LeaveMessage(livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT)))
	} else {
		for c.queue.Len() > 0 {
			if i := <-c.queue.Items(); !c.writeMessage(ws, i.Value) {
				return
			}
		}
	}
	_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(writeTimeout))
}

// writeMessage sends m in the format of the client's last frame. It returns false if the WebSocket has failed.
func (c *Conn) writeMessage(ws *websocket.Conn, m *rtc.Message) bool {
	kind, text := websocket.BinaryMessage, c.json.Load() // the client's format
	if text {
		kind = websocket.TextMessage
	}
	raw, err := m.Encode(text)
	if err != nil {
		c.log.Error("a message could not be encoded", "err", err)
		return true
	}
	_ = ws.SetWriteDeadline(time.Now().Add(writeTimeout))
	return ws.WriteMessage(kind, raw) == nil
}
