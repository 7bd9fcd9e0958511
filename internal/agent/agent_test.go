package agent

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"meet/internal/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var keys = token.Keys{"devkey": "secret"}

// rig is a Dispatcher behind a server.
type rig struct {
	*Dispatcher
	t   *testing.T
	url string
}

func newRig(t *testing.T, patience time.Duration) *rig {
	t.Helper()
	d := New(keys, Options{ServerInfo: &livekit.ServerInfo{Version: "1.13.5"}, Patience: patience})
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

func (h *hand) register(kind livekit.JobType, name string) *livekit.RegisterWorkerResponse {
	h.t.Helper()
	h.say(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Register{Register: &livekit.RegisterWorkerRequest{Type: kind, AgentName: name}}})
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

// TestRoomJob: a room that names no agents has the job that workers without a name do, in either form of frames.
func TestRoomJob(t *testing.T) {
	for _, inJSON := range []bool{false, true} {
		g := newRig(t, 0)
		h := g.dial()
		h.json = inJSON
		h.register(livekit.JobType_JT_ROOM, "")
		g.RoomStarted(blue, nil)
		j, raw := h.take()
		if j.Type != livekit.JobType_JT_ROOM || j.Room.GetName() != "blue" || j.State.ParticipantIdentity != "bot" || j.State.WorkerId == "" {
			t.Errorf("job %v", j)
		}
		grants, err := token.NewVerifier(keys).Verify(raw)
		if err != nil {
			t.Fatal(err)
		}
		v := grants.Video
		if grants.Identity != "bot" || grants.Name != "Bot" || grants.Kind != "agent" || !v.RoomJoin || !v.Agent || v.Room != "blue" || !*v.CanPublish {
			t.Errorf("token %+v %+v", grants, v)
		}
		if _, ok := grants.Attributes["lk.agent_name"]; !ok {
			t.Errorf("attributes %v", grants.Attributes)
		}
		if list := g.List("blue", ""); len(list) != 0 {
			t.Errorf("the implicit dispatch is listed: %v", list)
		}
		g.RoomFinished(blue)
		if got := h.hear().GetTermination(); got.GetJobId() != j.Id {
			t.Errorf("told %v when the room ended", got)
		}
		if s := g.Stats(); s.Workers != 1 || s.Jobs != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestDispatches: agents that are named come by name, from the room's configuration and from the API, and end with the
// dispatch.
func TestDispatches(t *testing.T) {
	g := newRig(t, 0)
	scribe, nameless := g.hire(livekit.JobType_JT_ROOM, "scribe"), g.hire(livekit.JobType_JT_ROOM, "")
	g.RoomStarted(blue, []*livekit.RoomAgentDispatch{{AgentName: "scribe", Metadata: "m", Attributes: map[string]string{"a": "b"}}})
	j, _ := scribe.take()
	if j.Metadata != "m" || j.AgentName != "scribe" || j.Attributes["a"] != "b" {
		t.Errorf("job %v", j)
	}
	nameless.ping() // and has heard of nothing
	made, err := g.Create(&livekit.CreateAgentDispatchRequest{Room: "blue", AgentName: "scribe", Metadata: "second"})
	if err != nil {
		t.Fatal(err)
	}
	second, _ := scribe.take()
	list := g.List("blue", "")
	if len(list) != 2 || list[1].Id != made.Id || !strings.HasPrefix(made.Id, "AD_") || made.State.CreatedAt == 0 {
		t.Fatalf("dispatches %v", list)
	}
	if jobs := g.List("blue", made.Id)[0].State.Jobs; len(jobs) != 1 || jobs[0].Id != second.Id || second.DispatchId != made.Id {
		t.Errorf("jobs %v", jobs)
	}
	gone, err := g.Delete("blue", made.Id)
	if err != nil || gone.State.DeletedAt == 0 {
		t.Errorf("deleted %v, %v", gone, err)
	}
	if got := scribe.hear().GetTermination(); got.GetJobId() != second.Id {
		t.Errorf("told %v", got)
	}
	if _, err := g.Delete("blue", made.Id); err == nil {
		t.Error("deleted twice")
	}
	if _, err := g.Create(&livekit.CreateAgentDispatchRequest{Room: "none", AgentName: "scribe"}); err == nil {
		t.Error("dispatched to a room that is not there")
	}
	for range maxDispatches {
		_, err = g.Create(&livekit.CreateAgentDispatchRequest{Room: "blue", AgentName: "other"})
	}
	if err == nil {
		t.Error("dispatches without end")
	}
}

// TestJobsOfPeople: one for each participant and one for each publisher, and none about agents.
func TestJobsOfPeople(t *testing.T) {
	g := newRig(t, 0)
	greeter, tuner := g.hire(livekit.JobType_JT_PARTICIPANT, ""), g.hire(livekit.JobType_JT_PUBLISHER, "")
	g.RoomStarted(blue, nil)
	g.ParticipantJoined("blue", &livekit.ParticipantInfo{Identity: "other-bot", Kind: livekit.ParticipantInfo_AGENT})
	g.ParticipantJoined("blue", ada())
	if j, _ := greeter.take(); j.Participant.GetIdentity() != "ada" {
		t.Errorf("job about %v", j.Participant)
	}
	g.TrackPublished("blue", ada())
	g.TrackPublished("blue", ada()) // a second track
	if j, _ := tuner.take(); j.Participant.GetIdentity() != "ada" {
		t.Errorf("job about %v", j.Participant)
	}
	tuner.ping()
	// Who comes to a room later finds what is there.
	if _, err := g.Create(&livekit.CreateAgentDispatchRequest{Room: "blue"}); err != nil {
		t.Fatal(err)
	}
	greeter.take()
	tuner.take()
	g.ParticipantLeft("blue", ada())
	g.TrackPublished("blue", ada())
	tuner.ping()
}

// TestAnotherWorker: who declines, is full, is busy or says nothing is passed over.
func TestAnotherWorker(t *testing.T) {
	g := newRig(t, 200*time.Millisecond)
	declines, silent := g.hire(livekit.JobType_JT_ROOM, ""), g.hire(livekit.JobType_JT_ROOM, "")
	full, busy := g.hire(livekit.JobType_JT_ROOM, ""), g.hire(livekit.JobType_JT_ROOM, "")
	full.status(livekit.WorkerStatus_WS_FULL, 0)
	busy.status(livekit.WorkerStatus_WS_AVAILABLE, 0.75)
	g.RoomStarted(blue, nil)
	j, _ := declines.offered()
	declines.answer(&livekit.AvailabilityResponse{JobId: j.Id})
	silent.offered()
	eventually(t, "all were asked in vain", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, w := range g.workers {
			if len(w.asked) > 0 {
				return false
			}
		}
		return true
	})
	full.ping() // and busy: neither was asked
	busy.ping()
	silent.answer(&livekit.AvailabilityResponse{JobId: j.Id, Available: true}) // too late
	silent.ping()
	if s := g.Stats(); s.Jobs != 0 {
		t.Errorf("%+v", s)
	}
}

// TestFailedJobs: the job of a worker that vanishes or fails goes to another, as often as is reasonable, unless its
// dispatch forbids it.
func TestFailedJobs(t *testing.T) {
	g := newRig(t, 0)
	first := g.hire(livekit.JobType_JT_ROOM, "scribe")
	g.RoomStarted(blue, []*livekit.RoomAgentDispatch{{AgentName: "scribe"}})
	j, _ := first.take()
	second := g.hire(livekit.JobType_JT_ROOM, "scribe")
	_ = first.ws.Close()
	for try := range maxRestarts {
		again, resuming := second.offered()
		if again.Id != j.Id || !resuming {
			t.Fatalf("offered %v, resuming %v", again, resuming)
		}
		second.answer(&livekit.AvailabilityResponse{JobId: j.Id, Available: true})
		second.hear()
		if try == 0 {
			second.update(j.Id, livekit.JobStatus_JS_RUNNING)
		}
		second.update(j.Id, livekit.JobStatus_JS_FAILED)
	}
	second.ping() // and is not asked again
	state := g.List("blue", "")[0].State.Jobs[0].State
	if state.Status != livekit.JobStatus_JS_FAILED || state.Error != "why" || state.EndedAt == 0 {
		t.Errorf("state %v", state)
	}
	if _, err := g.Create(&livekit.CreateAgentDispatchRequest{Room: "blue", AgentName: "scribe", RestartPolicy: livekit.JobRestartPolicy_JRP_NEVER}); err != nil {
		t.Fatal(err)
	}
	once, _ := second.take()
	second.update(once.Id, livekit.JobStatus_JS_FAILED)
	second.update(once.Id, livekit.JobStatus_JS_FAILED) // is not its job any more
	second.ping()
}
