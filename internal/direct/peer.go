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
	// messageLimit is in bytes: an offer of a camera, a microphone and a screen has some ten thousand.
	maxMessage = 64 << 10
	// perSecond and burst are messages that one may send: candidates come dozens at a time. bytesPerSecond and bytesBurst
	// bound them in bytes.
	messagesPerSecond, messageBurst = 20, 200
	bytesPerSecond, byteBurst       = 64 << 10, 1 << 20
	// queueLimit and queueBytes are how many messages, and bytes of them, may wait for somebody; a peer that does
	// not read is disconnected. While all queues together hold more than allQueues bytes, the longest go first.
	maxQueuedMessages = 256
	maxQueuedBytes    = 512 << 10
	totalQueueBytes   = 32 << 20
	// pingInterval is the time between pings; silence of silenceLimit means that somebody is gone. writeLimit is how long
	// a write may take.
	pingInterval = 20 * time.Second
	idleTimeout  = 3 * pingInterval
	writeTimeout = 5 * time.Second
)

// person is one connection.
type peer struct {
	ws      *websocket.Conn
	queue   *bytequeue.Queue[Message]
	ended   chan struct{}
	endOnce sync.Once

	understandsMove bool // it understands the messages about a third who comes

	id         string   // set once, under Hub.mu
	resumed    bool     // guarded by Hub.mu; it has the place of a connection before
	session    *session // guarded by Hub.mu; nil while in none
	waitingFor *session // guarded by Hub.mu; where it waits to be let in
}

// upgrader asks nothing about the origin, which has been checked.
var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// ServeHTTP is one connection's stay. Clients that understand more messages than
// the Rust server's do declare it in the address: ?moves=1.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !proxy.CheckOrigin(r) { // programs, and pages of this server alone
		h.originWarnings.Do(func() {
			h.opts.Log.Warn("a page was refused direct calls: it is of another site, or a proxy in front changes Host and sends no X-Forwarded-Host", "origin", r.Header.Get("Origin"), "host", r.Host)
		})
		http.Error(w, "pages of other sites may not use direct calls; if this one is the server's own, the proxy in front has to keep the header Host or send X-Forwarded-Host", http.StatusForbidden)
		return
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // has been answered by the upgrader
	}
	p := &peer{ws: ws, queue: h.newQueue(), ended: make(chan struct{}), understandsMove: r.URL.Query().Get("moves") == "1"}
	if !h.addPeer(p) {
		_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseTryAgainLater, "too many direct calls"), time.Now().Add(writeTimeout))
		_ = ws.Close()
		return
	}
	var writer sync.WaitGroup
	writer.Go(p.writeLoop) // ends with the person
	p.readLoop(h)
	writer.Wait()
	h.removePeer(p)
	p.queue.Drop() // nobody sends to it any more
}

// messageOverhead is the size of a message without its texts, in bytes.
const messageOverhead = 100

func (h *Hub) newQueue() *bytequeue.Queue[Message] {
	return bytequeue.New[Message](maxQueuedMessages, maxQueuedBytes, h.queuedBytes)
}

// send queues a message, and disconnects a peer that does not read. It never blocks.
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

// end makes both goroutines end.
func (p *peer) end() { p.endOnce.Do(func() { close(p.ended) }) }

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

func (p *peer) writeMessage(m Message) error {
	_ = p.ws.SetWriteDeadline(time.Now().Add(writeTimeout))
	raw := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(raw)
	raw.Reset()
	m.encode(raw)
	return p.ws.WriteMessage(websocket.TextMessage, raw.Bytes())
}

// buffers holds memory for the JSON of messages.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// read handles the peer's messages. It answers what is no message with an error, and disconnects a peer that sends too much.
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
		buffers.Put(raw) // the message has copies of its texts
		if err != nil {
			p.send(iceError, errUnknownMessage.Error(), "")
			continue
		}
		h.handle(p, m)
	}
}
