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
	// frameLimit bounds a worker's message in bytes: metadata and attributes of an agent make the largest.
	frameLimit = 1 << 20
	// queueLimit and queueBytes are how many messages, and bytes of them, may wait for a worker. One that does not read is cut
	// off, and its jobs go to others. The metadata of a room and of a job may have 512 KiB each.
	maxQueuedMessages = 256
	maxQueuedBytes    = 8 << 20
	// pingInterval is the time between WebSocket pings; silence of silenceLimit means that the worker is gone. writeLimit is
	// how long a write may take before it is.
	pingInterval = 10 * time.Second
	idleTimeout  = 3 * pingInterval
	writeTimeout = 5 * time.Second
	closeTimeout = time.Second // how long its end may take
	// A worker that says more is heard more slowly, so that answers to it find room in its queue. An honest one says a word
	// every few seconds, and three for each job.
	framesPerSecond, frameBurst = 200, 200
	// maxWorkers bounds those of one server.
	maxWorkers = 1024
)

var errTooManyWorkers = fault.New(fault.Exhausted, "there are as many agent workers as this server takes")

// worker is one connection of a program that does jobs.
type worker struct {
	id, key string // key is the API key of its token
	ws      *websocket.Conn
	json    atomic.Bool // its last frame was text
	queue   *bytequeue.Queue[*livekit.ServerMessage]
	ended   chan struct{}
	endOnce sync.Once

	// Guarded by Dispatcher.mu.
	registered bool
	kind       livekit.JobType
	name       string
	namespace  string // keeps workers of one name apart: each namespace has jobs of its own
	deployment string
	permission *livekit.ParticipantPermission
	available  bool
	load       float32
	jobs       map[string]*job                               // it does, by id
	offers     map[string]chan *livekit.AvailabilityResponse // by the id of the job it was asked about
}

func newWorker(ws *websocket.Conn, key string) *worker {
	return &worker{
		id: newID("AW_"), key: key, ws: ws, queue: bytequeue.New[*livekit.ServerMessage](maxQueuedMessages, maxQueuedBytes, nil), ended: make(chan struct{}),
		jobs: map[string]*job{}, offers: map[string]chan *livekit.AvailabilityResponse{},
	}
}

// does reports whether it registered for such jobs.
func (w *worker) accepts(ad *dispatch, kind livekit.JobType) bool {
	if ad.simulator != nil {
		return ad.simulator == w
	}
	return w.registered && w.kind == kind && w.name == ad.AgentName && w.deployment == ad.Deployment
}

// send queues m; a worker that does not read is cut off. It never blocks.
func (w *worker) send(m *livekit.ServerMessage) {
	if !w.hasEnded() && !w.queue.Put(m, proto.Size(m)) {
		w.end()
	}
}

// end makes both goroutines of the socket end, within endLimit whatever the other side does.
func (w *worker) end() {
	w.endOnce.Do(func() {
		close(w.ended)
		if w.ws != nil { // there is a socket
			_ = w.ws.NetConn().SetDeadline(time.Now().Add(closeTimeout))
		}
	})
}

// write sends what is queued until the worker is ended.
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

func (w *worker) hasEnded() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

func (w *worker) writeClose() {
	_ = w.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(closeTimeout))
}

// writeMessage sends m in the form of the worker's latest frame.
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

// read takes what the worker says until its socket fails or says something that cannot be read.
func (w *worker) readLoop(d *Dispatcher) {
	defer w.end()
	w.ws.SetReadLimit(frameLimit)
	limit := time.Now().Add(d.opts.ResponseTimeout) // to register
	_ = w.ws.SetReadDeadline(limit)
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
		if pace.Wait(d.context) != nil { // its next frames wait in its own socket
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

func (d *Dispatcher) isRegistered(w *worker) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return w.registered
}

// refuse closes the socket with the status for data that is not what was agreed on (RFC 6455, section 7.4.1).
func (w *worker) closeWithError(reason string) {
	message := websocket.FormatCloseMessage(websocket.CloseInvalidFramePayloadData, reason)
	_ = w.ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(writeTimeout))
}

// enter takes a worker in.
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

// leave forgets a worker, whose connection has ended, and gives its jobs to others.
func (d *Dispatcher) removeWorker(w *worker) {
	defer d.work.Done()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.workers, w.id)
	if len(w.jobs) > 0 {
		d.opts.Log.Warn("an agent worker with jobs is gone", "worker", w.id, "agent", w.name, "jobs", len(w.jobs))
	}
	for _, j := range w.jobs {
		d.unassignLocked(j, livekit.JobStatus_JS_FAILED, "the worker is gone")
		d.restartLocked(j)
	}
}
