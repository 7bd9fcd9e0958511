package agent

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"meet/internal/token"
)

var serverInfo = &livekit.ServerInfo{Version: "1.13.5"}

var keys = token.Keys{"devkey": "secret"}

// fixture is a Dispatcher behind an HTTP server.
type fixture struct {
	*Dispatcher
	t   *testing.T
	url string
}

// newFixture starts a Dispatcher whose workers must answer within responseTimeout, or the default if it is 0.
func newFixture(t *testing.T, responseTimeout time.Duration) *fixture {
	t.Helper()
	return newFixtureWith(t, New(keys, Options{ServerInfo: serverInfo, ResponseTimeout: responseTimeout}))
}

// newFixtureWith starts a server in front of d.
func newFixtureWith(t *testing.T, d *Dispatcher) *fixture {
	t.Helper()
	d.opts.ServerInfo = serverInfo
	web := httptest.NewServer(NewHandler(d, token.NewVerifier(keys)))
	t.Cleanup(func() {
		d.Close()
		web.Close() // waits for the workers' connections
	})
	return &fixture{d, t, "ws" + strings.TrimPrefix(web.URL, "http") + "/agent"}
}

// testWorker is the client side of a worker's connection.
type testWorker struct {
	t    *testing.T
	ws   *websocket.Conn
	json bool // send text frames and expect them in return
}

// authHeader returns an Authorization header with a token that has the given grant.
func authHeader(t *testing.T, g token.VideoGrant) http.Header {
	t.Helper()
	raw, err := token.New("devkey", "secret").SetVideoGrant(g).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{"Authorization": {"Bearer " + raw}}
}

// dial connects a worker without registering it.
func (g *fixture) dial() *testWorker {
	g.t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(g.url, authHeader(g.t, token.VideoGrant{Agent: true}))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(20 * time.Second))
	return &testWorker{t: g.t, ws: ws}
}

// registerWorker connects and registers a worker.
func (g *fixture) registerWorker(kind livekit.JobType, name string) *testWorker {
	g.t.Helper()
	h := g.dial()
	h.register(kind, name)
	return h
}

// sendRegister sends a registration.
func (h *testWorker) sendRegister(r *livekit.RegisterWorkerRequest) {
	h.t.Helper()
	h.send(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Register{Register: r}})
}

// register registers the worker and returns the server's response.
func (h *testWorker) register(kind livekit.JobType, name string) *livekit.RegisterWorkerResponse {
	h.t.Helper()
	h.sendRegister(&livekit.RegisterWorkerRequest{Type: kind, AgentName: name})
	r := h.receive().GetRegister()
	if !strings.HasPrefix(r.GetWorkerId(), "AW_") || r.GetServerInfo().GetVersion() != "1.13.5" {
		h.t.Fatalf("registered as %v", r)
	}
	return r
}

// send sends one message.
func (h *testWorker) send(m *livekit.WorkerMessage) {
	h.t.Helper()
	kind, frame := websocket.BinaryMessage, []byte(nil)
	var err error
	if h.json {
		kind = websocket.TextMessage
		frame, err = protojson.Marshal(m)
	} else {
		frame, err = proto.Marshal(m)
	}
	if err == nil {
		err = h.ws.WriteMessage(kind, frame)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// receive returns the next message from the server.
func (h *testWorker) receive() *livekit.ServerMessage {
	h.t.Helper()
	kind, frame, err := h.ws.ReadMessage()
	if err != nil {
		h.t.Fatal(err)
	}
	m := &livekit.ServerMessage{}
	if kind == websocket.TextMessage {
		err = protojson.Unmarshal(frame, m)
	} else {
		err = proto.Unmarshal(frame, m)
	}
	if err != nil || h.json != (kind == websocket.TextMessage) {
		h.t.Fatalf("frame of kind %d: %v", kind, err)
	}
	return m
}

// receiveOffer receives the next message, which must be an offer. It returns the offered job, and whether it ran before.
func (h *testWorker) receiveOffer() (*livekit.Job, bool) {
	h.t.Helper()
	a := h.receive().GetAvailability()
	if a == nil || !strings.HasPrefix(a.Job.GetId(), "AJ_") {
		h.t.Fatalf("offered %v", a)
	}
	return a.Job, a.Resuming
}

// answer accepts or declines an offer.
func (h *testWorker) answer(a *livekit.AvailabilityResponse) {
	h.send(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Availability{Availability: a}})
}

// acceptJob accepts the job that is offered next, and returns the assigned job and the token for its agent.
func (h *testWorker) acceptJob() (*livekit.Job, string) {
	h.t.Helper()
	j, _ := h.receiveOffer()
	h.answer(&livekit.AvailabilityResponse{JobId: j.Id, Available: true, ParticipantIdentity: "bot", ParticipantName: "Bot"})
	a := h.receive().GetAssignment()
	if a.GetJob().GetId() != j.Id || a.Job.State.Status != livekit.JobStatus_JS_RUNNING {
		h.t.Fatalf("assigned %v", a)
	}
	return a.Job, a.Token
}

// updateJob reports a job's status.
func (h *testWorker) updateJob(id string, status livekit.JobStatus) {
	h.send(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_UpdateJob{UpdateJob: &livekit.UpdateJobStatus{JobId: id, Status: status, Error: "why"}}})
}

// setStatus reports the worker's status and load, and waits until the server has applied them.
func (h *testWorker) setStatus(s livekit.WorkerStatus, load float32) {
	h.send(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_UpdateWorker{UpdateWorker: &livekit.UpdateWorkerStatus{Status: &s, Load: load}}})
	h.ping() // messages are handled in order
}

// ping sends LiveKit's ping and requires that the pong is the next message from the server.
func (h *testWorker) ping() {
	h.t.Helper()
	h.send(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Ping{Ping: &livekit.WorkerPing{Timestamp: 42}}})
	if p := h.receive().GetPong(); p.GetLastTimestamp() != 42 || p.Timestamp == 0 {
		h.t.Fatalf("pong %v", p)
	}
}

var blue = &livekit.Room{Sid: "RM_blue", Name: "blue"}

// ada returns the participant that most tests use.
func ada() *livekit.ParticipantInfo { return &livekit.ParticipantInfo{Sid: "PA_ada", Identity: "ada"} }

// eventually polls until cond returns true, for at most 20 s.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for tick := time.Tick(2 * time.Millisecond); !cond(); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("timed out before %s", what)
		}
	}
}
