package direct

import (
	"bytes"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"meet/internal/bytequeue"
	"meet/internal/proxy"
)

const (
	// maxMessage is the largest size of a message, in bytes. An offer with a camera, a microphone and a screen has about
	// 10 kB.
	maxMessage = 64 << 10
	// messagesPerSecond and messageBurst limit the number of messages from a peer. The burst allows for dozens of ICE
	// candidates at a time. bytesPerSecond and byteBurst limit the size of all messages from a peer together.
	messagesPerSecond, messageBurst = 20, 200
	bytesPerSecond, byteBurst       = 64 << 10, 1 << 20
	// maxQueuedMessages and maxQueuedBytes bound the queue of messages to one peer. A full queue means that the peer does
	// not read, and it is disconnected. While all queues together exceed totalQueueBytes, the peer with the longest queue
	// is disconnected.
	maxQueuedMessages = 256
	maxQueuedBytes    = 512 << 10
	totalQueueBytes   = 32 << 20
	// pingInterval is the time between WebSocket pings. A peer that sends nothing for idleTimeout, not even a pong,
	// is disconnected. writeTimeout limits each write.
	pingInterval = 20 * time.Second
	idleTimeout  = 3 * pingInterval
	writeTimeout = 5 * time.Second
)

// peer is one WebSocket connection.
type peer struct {
	ws      *websocket.Conn
	queue   *bytequeue.Queue[Message]
	ended   chan struct{}
	endOnce sync.Once

	address         string // of the client
	understandsMove bool   // the client understands the messages about a third peer

	id         string   // set once, under Hub.mu
	resumed    bool     // guarded by Hub.mu; the peer has taken over the session of its earlier connection
	session    *session // guarded by Hub.mu; nil if in none
	waitingFor *session // guarded by Hub.mu; session that it waits to be admitted to, or nil
}

// upgrader accepts every origin, because ServeHTTP has checked it.
var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// ServeHTTP upgrades the request and serves the peer until its connection ends. With ?moves=1 in the URL, a client
// announces that it understands the messages that the Rust server does not have.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !proxy.CheckOrigin(r) { // only this server's own pages, and clients other than browsers
		h.originWarnings.Do(func() {
			h.opts.Log.Warn("a direct call was refused: the page belongs to another site, or a proxy changes the Host header and does not send X-Forwarded-Host", "origin", r.Header.Get("Origin"), "host", r.Host)
		})
		http.Error(w, "pages of other sites may not use direct calls; if this page is the server's own, the proxy in front of the server must keep the Host header or send X-Forwarded-Host", http.StatusForbidden)
		return
	}
	address := proxy.ClientIP(r)
	if err := h.lookUps.Allow(address); err != nil {
		writeError(w, err)
		return
	}
	if err := h.peerCount.Add(address, 1); err != nil {
		writeError(w, err)
		return
	}
	defer h.peerCount.Remove(address, 1)
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has sent the response
	}
	p := &peer{ws: ws, queue: h.newQueue(), ended: make(chan struct{}), address: address, understandsMove: r.URL.Query().Get("moves") == "1"}
	if !h.addPeer(p) {
		_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseTryAgainLater, "the server is closing"), time.Now().Add(writeTimeout))
		_ = ws.Close()
		return
	}
	var writer sync.WaitGroup
	writer.Go(p.writeLoop) // ends when the peer is ended
	p.readLoop(h)
	writer.Wait()
	h.removePeer(p)
	p.queue.Drop() // nothing is sent to a removed peer
}

// messageOverhead is the number of bytes that a queued message is assumed to occupy in memory, in addition to its strings.
const messageOverhead = 100

// newQueue returns a message queue that counts towards the total of all queues.
func (h *Hub) newQueue() *bytequeue.Queue[Message] {
	return bytequeue.New[Message](maxQueuedMessages, maxQueuedBytes, h.queuedBytes)
}

// send queues a message and never blocks. If the queue is full, it disconnects the peer.
func (p *peer) send(name string, texts ...string) {
	size := messageOverhead
	for _, text := range texts {
		size += len(text)
	}
	select {
	case <-p.ended:
		return
	default:
	}
	if !p.queue.Put(Message{name, texts}, size) {
		p.end()
	}
}

// end makes both goroutines of the connection end.
func (p *peer) end() { p.endOnce.Do(func() { close(p.ended) }) }

// writeLoop sends queued messages and pings until the peer is ended.
func (p *peer) writeLoop() {
	defer func() { _ = p.ws.Close() }()
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	for {
		var err error
		select {
		case i := <-p.queue.Items():
			p.queue.Done(i)
			err = p.writeMessage(i.Value)
		case <-ping.C:
			err = p.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout))
		case <-p.ended:
			_ = p.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(writeTimeout))
			return
		}
		if err != nil {
			p.end()
			return
		}
	}
}

// writeMessage sends one message.
func (p *peer) writeMessage(m Message) error {
	_ = p.ws.SetWriteDeadline(time.Now().Add(writeTimeout))
	raw := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(raw)
	raw.Reset()
	m.encode(raw)
	return p.ws.WriteMessage(websocket.TextMessage, raw.Bytes())
}

// buffers holds memory for encoded messages.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readLoop handles the peer's messages. It answers a malformed message with an error, and disconnects a peer that
// exceeds a limit.
func (p *peer) readLoop(h *Hub) {
	defer p.end()
	p.ws.SetReadLimit(maxMessage)
	alive := func(string) error { return p.ws.SetReadDeadline(time.Now().Add(idleTimeout)) }
	_ = alive("")
	p.ws.SetPongHandler(alive)
	limiter, bytesLimiter := rate.NewLimiter(messagesPerSecond, messageBurst), rate.NewLimiter(bytesPerSecond, byteBurst)
	for {
		_, r, err := p.ws.NextReader()
		if err != nil || !limiter.Allow() {
			return
		}
		raw := buffers.Get().(*bytes.Buffer)
		raw.Reset()
		if n, err := raw.ReadFrom(r); err != nil || !bytesLimiter.AllowN(time.Now(), int(n)) {
			return
		}
		_ = alive("")
		m, err := readMessage(raw.Bytes())
		buffers.Put(raw) // readMessage has copied the texts
		if err != nil {
			p.send(iceError, errUnknownMessage.Error(), "")
			continue
		}
		h.handle(p, m)
	}
}
