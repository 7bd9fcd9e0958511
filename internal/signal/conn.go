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
	// frameLimit bounds a client's message in bytes. The largest honest one is an offer of some hundred sections.
	frameLimit = 1 << 20
	// queueLimit and queueBytes are how many messages, and bytes of them, may wait for a client. One that is so far
	// behind gets a Leave that tells it to reconnect, instead of memory without end. One message may be of any size.
	maxQueuedMessages = 1024
	maxQueuedBytes    = 8 << 20
	// pingInterval is the time between WebSocket pings; silence of silenceLimit means the client is gone. writeLimit is
	// how long a write may take before it does.
	pingInterval = 10 * time.Second
	idleTimeout  = 3 * pingInterval
	writeTimeout = 5 * time.Second
)

// Conn is one client's signalling connection. It is an rtc.SignalSink from the start; the socket comes with serve.
type Conn struct {
	log       *slog.Logger
	json      atomic.Bool // the client's last frame was text
	queue     *bytequeue.Queue[*rtc.Message]
	closing   chan struct{}
	closeOnce sync.Once
	tooSlow   atomic.Bool // closed because the client did not read
}

func newConn(log *slog.Logger) *Conn {
	return &Conn{log: log, queue: bytequeue.New[*rtc.Message](maxQueuedMessages, maxQueuedBytes, nil), closing: make(chan struct{})}
}

// Send queues m; false means the connection is closed or was too slow and is being closed.
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

// Close lets what is queued go out and then closes the socket.
func (c *Conn) Close() { c.closeOnce.Do(func() { close(c.closing) }) }

// serve runs the connection on ws until either side ends it.
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
		if s.Handle(context.Background(), m) != nil { // waits only for its turn on the room's loop
			return // the room has ended
		}
	}
}

// drain reads on for a moment after the close frame for a message that was not read to its end: a socket closed with bytes unread is
// reset, and the client would never see why.
func drain(ws *websocket.Conn) {
	conn := ws.NetConn()
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.CopyN(io.Discard, conn, 4*frameLimit)
}

// refuse closes the socket with the status for data that is not what was agreed on (RFC 6455, section 7.4.1).
func (c *Conn) closeMalformed(ws *websocket.Conn, reason string) {
	message := websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, reason)
	_ = ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(writeTimeout))
}

// answerPing answers both forms of LiveKit's own ping, in milliseconds (docs/protocol.md, 1.8).
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

// pongMessage answers a ping of the older form, which carries nothing back.
func pongMessage(now int64) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_Pong{Pong: now}}
}

func pongRespMessage(pinged, now int64) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_PongResp{
		PongResp: &livekit.Pong{LastPingTimestamp: pinged, Timestamp: now},
	}}
}

// write sends what is queued, and pings, until the Conn is closed and the queue empty.
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

// finish writes what is left, or to a client that is too slow only why it is cut off, and closes.
func (c *Conn) flushAndClose(ws *websocket.Conn) {
	if c.tooSlow.Load() {
		c.log.Warn("client does not read its messages and was cut off")
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

func (c *Conn) writeMessage(ws *websocket.Conn, m *rtc.Message) bool {
	kind, text := websocket.BinaryMessage, c.json.Load() // the client's own format
	if text {
		kind = websocket.TextMessage
	}
	raw, err := m.Encode(text)
	if err != nil {
		c.log.Error("message not encoded", "err", err)
		return true
	}
	_ = ws.SetWriteDeadline(time.Now().Add(writeTimeout))
	return ws.WriteMessage(kind, raw) == nil
}
