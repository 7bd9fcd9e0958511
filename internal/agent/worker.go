package agent

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"meet/internal/bytequeue"
	"meet/internal/fault"
	"meet/internal/frame"
)

const (
	// frameLimit is the largest size of a worker's message, in bytes. The largest messages contain an agent's metadata
	// and attributes.
	frameLimit = 1 << 20
	// maxQueuedMessages and maxQueuedBytes bound the queue of messages to a worker. A full queue means that the worker
	// does not read. It is then disconnected, and its jobs are reassigned. One message may have 1 MiB, because the
	// metadata of a room and of a job have up to 512 KiB each.
	maxQueuedMessages = 256
	maxQueuedBytes    = 8 << 20
	// pingInterval is the time between WebSocket pings. A worker is disconnected if it sends nothing, not even a pong,
	// for idleTimeout, or if a write to it takes longer than writeTimeout.
	pingInterval = 10 * time.Second
	idleTimeout  = 3 * pingInterval
	writeTimeout = 5 * time.Second
	closeTimeout = time.Second // for the closing handshake
	// framesPerSecond and frameBurst limit the rate at which a worker's messages are read, so that the replies fit in
	// its queue. A normal worker sends one message every few seconds and three for each job.
	framesPerSecond, frameBurst = 200, 200
	// maxWorkers bounds the number of workers connected to this server.
	maxWorkers = 1024
)

var errTooManyWorkers = fault.New(fault.Exhausted, "too many agent workers are connected to this server; try again later")

// worker is the connection of one agent worker.
type worker struct {
	id, key string // key is the API key that signed its token
	ws      *websocket.Conn
	json    atomic.Bool // the worker's last frame was text
	queue   *bytequeue.Queue[*livekit.ServerMessage]
	ended   chan struct{}
	endOnce sync.Once

	// Guarded by Dispatcher.mu.
	registered bool
	kind       livekit.JobType
	name       string
	namespace  string // workers in different namespaces get separate jobs
	deployment string
	permission *livekit.ParticipantPermission
	available  bool
	load       float32
	jobs       map[string]*job                               // assigned to the worker, by ID
	offers     map[string]chan *livekit.AvailabilityResponse // offers by job ID; the channel is nil once the answer was received
}

// newWorker returns a worker whose token was signed with the given API key. In tests, ws may be nil.
func newWorker(ws *websocket.Conn, key string) *worker {
	return &worker{
		id: newID("AW_"), key: key, ws: ws, queue: bytequeue.New[*livekit.ServerMessage](maxQueuedMessages, maxQueuedBytes, nil), ended: make(chan struct{}),
		jobs: map[string]*job{}, offers: map[string]chan *livekit.AvailabilityResponse{},
	}
}

// accepts reports whether the worker has registered for jobs of this type and for the agent that the dispatch requests.
// A worker that simulates a job accepts the jobs of the simulated dispatch.
func (w *worker) accepts(ad *dispatch, kind livekit.JobType) bool {
	if ad.simulator != nil {
		return ad.simulator == w
	}
	return w.registered && w.kind == kind && w.name == ad.AgentName && w.deployment == ad.Deployment
}

// send queues m and never blocks. If the queue is full, it disconnects the worker.
func (w *worker) send(m *livekit.ServerMessage) {
	if !w.hasEnded() && !w.queue.Put(m, proto.Size(m)) {
		w.end()
	}
}

// end makes both goroutines of the socket end within closeTimeout, even if the worker does not react.
func (w *worker) end() {
	w.endOnce.Do(func() {
		close(w.ended)
		if w.ws != nil {
			_ = w.ws.NetConn().SetDeadline(time.Now().Add(closeTimeout))
		}
	})
}

// writeLoop sends queued messages and pings until the worker is ended.
func (w *worker) writeLoop() {
	defer func() { _ = w.ws.Close() }()
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	for {
		select {
		case i := <-w.queue.Items():
			w.queue.Done(i)
			if w.hasEnded() {
				w.writeClose()
				return
			}
			if w.writeMessage(i.Value) != nil {
				w.end()
				return
			}
		case <-ping.C:
			if w.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout)) != nil {
				w.end()
				return
			}
		case <-w.ended:
			w.writeClose()
			return
		}
	}
}

// hasEnded reports whether end was called.
func (w *worker) hasEnded() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// writeClose sends a close frame.
func (w *worker) writeClose() {
	_ = w.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(closeTimeout))
}

// writeMessage sends m in the format of the worker's last message: JSON text or binary protobuf.
func (w *worker) writeMessage(m *livekit.ServerMessage) error {
	kind := websocket.BinaryMessage
	if w.json.Load() {
		kind = websocket.TextMessage
	}
	raw, err := frame.Encode(kind, m)
	if err != nil {
		return err
	}
	_ = w.ws.SetWriteDeadline(time.Now().Add(writeTimeout))
	return w.ws.WriteMessage(kind, raw)
}

// readLoop handles the worker's messages until the socket fails or a message is malformed or refused.
func (w *worker) readLoop(d *Dispatcher) {
	defer w.end()
	w.ws.SetReadLimit(frameLimit)
	_ = w.ws.SetReadDeadline(time.Now().Add(d.opts.ResponseTimeout)) // to register
	w.ws.SetPongHandler(func(string) error {
		if d.isRegistered(w) {
			_ = w.ws.SetReadDeadline(time.Now().Add(idleTimeout))
		}
		return nil
	})
	pace := rate.NewLimiter(framesPerSecond, frameBurst)
	for {
		m := &livekit.WorkerMessage{}
		kind, err := frame.Read(w.ws, m)
		if err != nil {
			if errors.Is(err, frame.ErrMalformed) {
				w.closeWithError("this frame is not a WorkerMessage")
			}
			return
		}
		if pace.Wait(d.context) != nil { // meanwhile, further frames wait in the socket
			return
		}
		w.json.Store(kind == websocket.TextMessage)
		if err := d.handle(w, m); err != nil {
			w.closeWithError(fault.Public(err))
			return
		}
		if d.isRegistered(w) {
			_ = w.ws.SetReadDeadline(time.Now().Add(idleTimeout))
		}
	}
}

// isRegistered reports whether the worker has registered.
func (d *Dispatcher) isRegistered(w *worker) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return w.registered
}

// closeWithError sends a close frame with status 1007, invalid data (RFC 6455, section 7.4.1).
func (w *worker) closeWithError(reason string) {
	message := websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, reason)
	_ = w.ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(writeTimeout))
}

// addWorker adds a connected worker. It returns an error if the server is closing or has maxWorkers workers.
func (d *Dispatcher) addWorker(w *worker) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return errShutdown
	case len(d.workers) >= maxWorkers:
		return errTooManyWorkers
	}
	d.workers[w.id] = w
	d.work.Add(1) // until it has left
	return nil
}

// removeWorker removes a worker whose connection has ended, and restarts its jobs.
func (d *Dispatcher) removeWorker(w *worker) {
	defer d.work.Done()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.workers, w.id)
	if len(w.jobs) > 0 {
		d.opts.Log.Warn("an agent worker with running jobs has disconnected", "worker", w.id, "agent", w.name, "jobs", len(w.jobs))
	}
	for _, j := range w.jobs {
		d.unassignLocked(j, livekit.JobStatus_JS_FAILED, "the worker has disconnected")
		d.restartLocked(j)
	}
}
