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

// rig is a Dispatcher behind a server.
type rig struct {
	*Dispatcher
	t   *testing.T
	url string
}

func newRig(t *testing.T, patience time.Duration) *rig {
	t.Helper()
	return newRigOf(t, New(keys, Options{ServerInfo: serverInfo, ResponseTimeout: patience}))
}

func newRigOf(t *testing.T, d *Dispatcher) *rig {
	t.Helper()
	d.opts.ServerInfo = serverInfo
	web := httptest.NewServer(NewHandler(d, token.NewVerifier(keys)))
	t.Cleanup(func() {
		d.Close()
		web.Close() // waits for the workers' connections
	})
	return &rig{d, t, "ws" + strings.TrimPrefix(web.URL, "http") + "/agent"}
}

// hand is a worker as seen from its own side.
type hand struct {
	t    *testing.T
	ws   *websocket.Conn
	json bool
}

func bearing(t *testing.T, g token.VideoGrant) http.Header {
	t.Helper()
	raw, err := token.New("devkey", "secret").SetVideoGrant(g).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{"Authorization": {"Bearer " + raw}}
}

func (g *rig) dial() *hand {
	g.t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial(g.url, bearing(g.t, token.VideoGrant{Agent: true}))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(20 * time.Second))
	return &hand{t: g.t, ws: ws}
}

// hire is a worker that has registered.
func (g *rig) hire(kind livekit.JobType, name string) *hand {
	g.t.Helper()
	h := g.dial()
	h.register(kind, name)
	return h
}

// asks to be registered.
func (h *hand) asks(r *livekit.RegisterWorkerRequest) {
	h.t.Helper()
	h.say(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Register{Register: r}})
}

func (h *hand) register(kind livekit.JobType, name string) *livekit.RegisterWorkerResponse {
	h.t.Helper()
	h.asks(&livekit.RegisterWorkerRequest{Type: kind, AgentName: name})
	r := h.hear().GetRegister()
	if !strings.HasPrefix(r.GetWorkerId(), "AW_") || r.GetServerInfo().GetVersion() != "1.13.5" {
		h.t.Fatalf("registered as %v", r)
	}
	return r
}

func (h *hand) say(m *livekit.WorkerMessage) {
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

func (h *hand) hear() *livekit.ServerMessage {
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

// offered waits until a job is offered.
func (h *hand) offered() (*livekit.Job, bool) {
	h.t.Helper()
	a := h.hear().GetAvailability()
	if a == nil || !strings.HasPrefix(a.Job.GetId(), "AJ_") {
		h.t.Fatalf("offered %v", a)
	}
	return a.Job, a.Resuming
}

func (h *hand) answer(a *livekit.AvailabilityResponse) {
	h.say(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Availability{Availability: a}})
}

// take accepts the job that is offered next and returns it as assigned, with its token.
func (h *hand) take() (*livekit.Job, string) {
	h.t.Helper()
	j, _ := h.offered()
	h.answer(&livekit.AvailabilityResponse{JobId: j.Id, Available: true, ParticipantIdentity: "bot", ParticipantName: "Bot"})
	a := h.hear().GetAssignment()
	if a.GetJob().GetId() != j.Id || a.Job.State.Status != livekit.JobStatus_JS_RUNNING {
		h.t.Fatalf("assigned %v", a)
	}
	return a.Job, a.Token
}

func (h *hand) update(id string, status livekit.JobStatus) {
	h.say(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_UpdateJob{UpdateJob: &livekit.UpdateJobStatus{JobId: id, Status: status, Error: "why"}}})
}

func (h *hand) status(s livekit.WorkerStatus, load float32) {
	h.say(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_UpdateWorker{UpdateWorker: &livekit.UpdateWorkerStatus{Status: &s, Load: load}}})
	h.ping() // what came before has been done by then
}

func (h *hand) ping() {
	h.t.Helper()
	h.say(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Ping{Ping: &livekit.WorkerPing{Timestamp: 42}}})
	if p := h.hear().GetPong(); p.GetLastTimestamp() != 42 || p.Timestamp == 0 {
		h.t.Fatalf("pong %v", p)
	}
}

var blue = &livekit.Room{Sid: "RM_blue", Name: "blue"}

func ada() *livekit.ParticipantInfo { return &livekit.ParticipantInfo{Sid: "PA_ada", Identity: "ada"} }

// eventually polls until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for tick := time.Tick(2 * time.Millisecond); !cond(); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}
