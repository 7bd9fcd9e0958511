package agent

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/frame"
	"meet/internal/token"
	"meet/test/measure"
)

// A worker needs the grant, must register in time, and must send valid messages.
func TestHandlerRefusesInvalidWorkers(t *testing.T) {
	g := newFixture(t, 300*time.Millisecond)
	for name, h := range map[string]http.Header{
		"no token": nil, "no grant": authHeader(t, token.VideoGrant{RoomList: true}), "garbage": {"Authorization": {"Bearer x"}},
	} {
		_, resp, err := websocket.DefaultDialer.Dial(g.url, h)
		if err == nil || resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
	worker := authHeader(t, token.VideoGrant{Agent: true}).Get("Authorization")
	for header, want := range map[string]int{
		worker:                                   http.StatusSwitchingProtocols,
		strings.ToLower(worker[:7]) + worker[7:]: http.StatusSwitchingProtocols,
		"Basic YTpi":                             http.StatusUnauthorized, // the query parameter is ignored if there is a header
	} {
		ws, resp, _ := websocket.DefaultDialer.Dial(g.url+"?access_token="+worker[7:], http.Header{"Authorization": {header}})
		if resp == nil || resp.StatusCode != want {
			t.Errorf("%.10s…: %v, want status %d", header, resp, want)
		}
		if ws != nil {
			_ = ws.Close()
		}
	}
	resp, err := http.Get("http" + strings.TrimPrefix(g.url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("no upgrade: %d", resp.StatusCode)
	}
	for name, act := range map[string]func(*testWorker){
		"silent":                      func(*testWorker) {},
		"pings only":                  func(h *testWorker) { h.ping() },
		"message before registration": func(h *testWorker) { h.updateJob("AJ_x", livekit.JobStatus_JS_FAILED) },
		"unknown job type":            func(h *testWorker) { h.sendRegister(&livekit.RegisterWorkerRequest{Type: 9}) },
		"long name": func(h *testWorker) {
			h.sendRegister(&livekit.RegisterWorkerRequest{AgentName: strings.Repeat("x", maxName+1)})
		},
		"long namespace": func(h *testWorker) {
			h.sendRegister(&livekit.RegisterWorkerRequest{Namespace: new(strings.Repeat("x", maxName+1))})
		},
		"invalid deployment": func(h *testWorker) { h.sendRegister(&livekit.RegisterWorkerRequest{Deployment: "a_b"}) },
		"garbage":            func(h *testWorker) { _ = h.ws.WriteMessage(websocket.BinaryMessage, []byte{0xff, 0xff}) },
		"garbage text":       func(h *testWorker) { _ = h.ws.WriteMessage(websocket.TextMessage, []byte("{")) },
		"oversized frame":    func(h *testWorker) { _ = h.ws.WriteMessage(websocket.BinaryMessage, make([]byte, frameLimit+1)) },
	} {
		h := g.dial()
		act(h)
		if _, _, err := h.ws.ReadMessage(); err == nil {
			t.Errorf("%s: was not disconnected", name)
		}
	}
	h := g.registerWorker(livekit.JobType_JT_ROOM, "") // other workers are not affected
	h.ping()
}

// FuzzDecode requires that every frame is refused, or decodes to a message that handle processes without a panic, even
// if it arrives twice.
func FuzzDecode(f *testing.F) {
	register, _ := proto.Marshal(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Register{Register: &livekit.RegisterWorkerRequest{AgentName: "a"}}})
	update, _ := proto.Marshal(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_UpdateJob{UpdateJob: &livekit.UpdateJobStatus{JobId: "AJ_x"}}})
	f.Add(true, []byte(`{"availability":{"jobId":"AJ_x","available":true}}`))
	f.Add(true, []byte(`{"simulateJob":{"room":{"name":"blue"}}}`))
	f.Add(false, register)
	f.Add(false, update)
	f.Fuzz(func(t *testing.T, text bool, raw []byte) {
		kind := websocket.BinaryMessage
		if text {
			kind = websocket.TextMessage
		}
		m := &livekit.WorkerMessage{}
		if frame.Decode(kind, raw, m) != nil {
			return
		}
		d := New(keys, Options{ResponseTimeout: time.Millisecond})
		d.RoomStarted(blue, nil)
		w := newWorker(nil, "devkey")
		if err := d.addWorker(w); err != nil {
			t.Fatal(err)
		}
		_, _ = d.handle(w, m), d.handle(w, m)
		d.removeWorker(w)
		d.Close()
	})
}

func TestAgentDispatchesBeyondSizeOrNumberLimitsAreRefused(t *testing.T) {
	g := newFixture(t, 0)
	g.RoomStarted(blue, nil)
	long := strings.Repeat("x", maxMetadata+1)
	for name, tt := range map[string]struct {
		agent *livekit.RoomAgentDispatch
		says  string
	}{
		"name":            {&livekit.RoomAgentDispatch{AgentName: long[:maxName+1]}, "name has 257 bytes"},
		"metadata":        {&livekit.RoomAgentDispatch{Metadata: long}, "metadata has"},
		"attributes":      {&livekit.RoomAgentDispatch{Attributes: map[string]string{"a": long[:maxAttributes]}}, "attributes have"},
		"deployment":      {&livekit.RoomAgentDispatch{Deployment: "blue_green"}, "letters, digits"},
		"long deployment": {&livekit.RoomAgentDispatch{Deployment: long[:maxDeployment+1]}, "at most 64"},
	} {
		a := tt.agent
		_, err := g.Create(&livekit.CreateAgentDispatchRequest{
			Room: "blue", AgentName: a.AgentName, Metadata: a.Metadata, Attributes: a.Attributes, Deployment: a.Deployment,
		})
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err := g.Check([]*livekit.RoomAgentDispatch{a}); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s of a room: %v", name, err)
		}
	}
	if err := g.Check(make([]*livekit.RoomAgentDispatch, maxDispatches+1)); err == nil {
		t.Error("a room with too many agents was accepted")
	}
	var err error
	for range maxDispatches {
		_, err = g.Create(&livekit.CreateAgentDispatchRequest{Room: "blue", AgentName: "other"})
	}
	if err == nil {
		t.Error("too many dispatches were accepted")
	}
}

// The handler also refuses workers while the server is closing.
func TestHandlerRefusesWorkersBeyondTheLimit(t *testing.T) {
	g := newFixture(t, 0)
	wantClosed := func(code int) {
		t.Helper()
		_, _, err := g.dial().ws.ReadMessage()
		if !websocket.IsCloseError(err, code) {
			t.Errorf("read %v, want a close with %d", err, code)
		}
	}
	for range maxWorkers {
		w := newWorker(nil, "devkey")
		if err := g.addWorker(w); err != nil {
			t.Fatal(err)
		}
		defer g.removeWorker(w)
	}
	wantClosed(websocket.CloseTryAgainLater)
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	wantClosed(websocket.CloseTryAgainLater)
}

func TestFramesOfAFloodingWorkerAreRateLimited(t *testing.T) {
	g := newFixture(t, 0)
	h := g.registerWorker(livekit.JobType_JT_ROOM, "")
	const tooMany = framesPerSecond / 2
	began := time.Now()
	ping, err := proto.Marshal(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Ping{Ping: &livekit.WorkerPing{}}})
	if err != nil {
		t.Fatal(err)
	}
	var flood sync.WaitGroup
	flood.Go(func() { // ends when all frames are sent
		for range frameBurst + tooMany {
			_ = h.ws.WriteMessage(websocket.BinaryMessage, ping)
		}
	})
	defer flood.Wait()
	for range frameBurst + tooMany {
		h.receive()
	}
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("all frames were answered in %v", took)
	}
}

func TestCloseDoesNotWaitForWorkerThatDoesNotRead(t *testing.T) {
	d := New(keys, Options{})
	g := newFixtureWith(t, d)
	h := g.registerWorker(livekit.JobType_JT_PARTICIPANT, "scribe")
	g.RoomStarted(blue, []*livekit.RoomAgentDispatch{{AgentName: "scribe", Metadata: strings.Repeat("x", maxMetadata)}})
	for i := range maxOffers {
		g.ParticipantJoined("blue", &livekit.ParticipantInfo{Sid: fmt.Sprint("PA_", i), Identity: fmt.Sprint(i)})
	}
	began := time.Now()
	d.Close() // while 32 MB are queued or in flight
	// Three times this, which a busy machine may take, is still less than a Close that waits for its writes to fail.
	measure.Within(t, "the server ends", time.Since(began), writeTimeout/5)
	_ = h.ws.Close()
}

func TestDispatchAtItsJobLimitDropsOnlyEndedJobs(t *testing.T) {
	d := New(keys, Options{})
	defer d.Close()
	d.RoomStarted(blue, nil)
	w := newWorker(nil, "devkey")
	w.registered, w.kind = true, livekit.JobType_JT_PARTICIPANT // not available, so that no job is offered
	if err := d.addWorker(w); err != nil {
		t.Fatal(err)
	}
	defer d.removeWorker(w)
	ad := slices.Collect(maps.Values(d.rooms["blue"].dispatches))[0]
	first := &job{dispatch: ad, Job: &livekit.Job{State: &livekit.JobState{}}, worker: w}
	ad.jobs = append(ad.jobs, first)
	for range maxJobs - 1 {
		ad.jobs = append(ad.jobs, &job{dispatch: ad, Job: &livekit.Job{State: &livekit.JobState{}}, ended: true})
	}
	d.ParticipantJoined("blue", ada())
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(ad.jobs) != maxJobs || ad.jobs[0] != first || ad.jobs[maxJobs-1].Participant.GetIdentity() != "ada" {
		t.Errorf("%d jobs, the first still there: %v", len(ad.jobs), ad.jobs[0] == first)
	}
}

// The truncated text must still be valid UTF-8, which protobuf requires.
func TestLongJobFailureReasonIsTruncated(t *testing.T) {
	for _, text := range []string{"short", strings.Repeat("x", maxReason), strings.Repeat("x", 2*maxReason), strings.Repeat("ä", maxReason), strings.Repeat("x", maxReason-1) + "€"} {
		if got := truncateReason(text); len(got) > maxReason || len(got) < min(len(text), maxReason-2) || !strings.HasPrefix(text, got) || !proto.Equal(&livekit.JobState{Error: got}, roundTrip(t, got)) {
			t.Errorf("%d bytes became %d", len(text), len(got))
		}
	}
}

// roundTrip encodes a job state with the given error text and returns the decoded state.
func roundTrip(t *testing.T, text string) *livekit.JobState {
	t.Helper()
	raw, err := proto.Marshal(&livekit.JobState{Error: text})
	s := &livekit.JobState{}
	if err == nil {
		err = proto.Unmarshal(raw, s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The jobs whose offers the slow worker did not answer are offered to another worker when the slow one disconnects.
func TestWorkerThatDoesNotAnswerGetsABoundedNumberOfJobOffers(t *testing.T) {
	g := newFixture(t, 0)
	slow := g.registerWorker(livekit.JobType_JT_PARTICIPANT, "")
	g.RoomStarted(blue, nil)
	const participants = 3 * maxOffers
	for i := range participants {
		g.ParticipantJoined("blue", &livekit.ParticipantInfo{Sid: fmt.Sprint("PA_", i), Identity: fmt.Sprint(i)})
	}
	eventually(t, "the slow worker has maxOffers unanswered offers", func() bool { return g.Stats().Waiting == participants-maxOffers })
	other := g.registerWorker(livekit.JobType_JT_PARTICIPANT, "") // accepts the waiting jobs, and then those offered to slow
	taken := map[string]bool{}
	take := func() {
		switch m := other.receive(); {
		case m.GetAvailability() != nil:
			other.answer(&livekit.AvailabilityResponse{JobId: m.GetAvailability().Job.Id, Available: true})
		case m.GetAssignment() != nil:
			taken[m.GetAssignment().Job.Participant.Identity] = true
		}
	}
	for len(taken) < participants-maxOffers {
		take()
	}
	_ = slow.ws.Close()
	for len(taken) < participants {
		take()
	}
}
