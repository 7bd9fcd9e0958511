package agent

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
)

var scribes = []*livekit.RoomAgentDispatch{{AgentName: "scribe"}}

// The probability that a worker is picked is proportional to 1 minus its load. It is zero from loadTarget upwards.
func TestPickWorkerPrefersLowerLoad(t *testing.T) {
	d := New(keys, Options{})
	defer d.Close()
	loads := []float64{0, 0.5, 0.69, loadTarget, 1, math.NaN()}
	for _, load := range loads {
		w := newWorker(nil, "devkey")
		w.registered, w.available = true, true
		d.workers[w.id] = w
		d.handle(w, &livekit.WorkerMessage{Message: &livekit.WorkerMessage_UpdateWorker{UpdateWorker: &livekit.UpdateWorkerStatus{Load: float32(load)}}})
	}
	const draws = 20_000
	drawn := map[float64]float64{}
	j := &job{Job: &livekit.Job{}, dispatch: &dispatch{AgentDispatch: &livekit.AgentDispatch{}}}
	for range draws {
		drawn[math.Round(float64(d.pickWorkerLocked(j).load)*100)/100]++
	}
	const sum = 1 + 0.5 + 0.31
	for _, load := range loads[:3] {
		if want := draws * (1 - load) / sum; math.Abs(drawn[load]-want) > draws/50 {
			t.Errorf("load %v: drawn %v times of %d, want about %v", load, drawn[load], draws, want)
		}
	}
	if len(drawn) != 3 {
		t.Errorf("drawn by load: %v", drawn)
	}
}

// A job of a named dispatch waits. A job of the implicit dispatch is dropped if there is no worker.
func TestJobForANamedAgentWaitsForAWorker(t *testing.T) {
	g := newFixture(t, 0)
	g.RoomStarted(blue, scribes)
	g.RoomStarted(&livekit.Room{Sid: "RM_red", Name: "red"}, nil)
	g.ParticipantJoined("blue", ada())
	busy := g.registerWorker(livekit.JobType_JT_ROOM, "scribe") // registers after the rooms have started
	j, resuming := busy.receiveOffer()
	if j.Room.Name != "blue" || resuming {
		t.Errorf("offered %v", j)
	}
	busy.answer(&livekit.AvailabilityResponse{JobId: j.Id}) // declines
	eventually(t, "the job waits", func() bool { return g.Stats().Waiting == 1 })
	busy.setStatus(livekit.WorkerStatus_WS_AVAILABLE, 0) // it is not offered the job again
	next := g.registerWorker(livekit.JobType_JT_ROOM, "scribe")
	if again, _ := next.acceptJob(); again.Id != j.Id {
		t.Errorf("took %v", again)
	}
	nameless := g.registerWorker(livekit.JobType_JT_ROOM, "")
	nameless.ping() // red started before it registered
	participantWorker := g.registerWorker(livekit.JobType_JT_PARTICIPANT, "scribe")
	if about, _ := participantWorker.acceptJob(); about.Participant.GetIdentity() != "ada" {
		t.Errorf("took %v", about)
	}

	// The only worker is replaced by a newer version of itself.
	full := g.registerWorker(livekit.JobType_JT_ROOM, "scribe")
	full.setStatus(livekit.WorkerStatus_WS_FULL, 0)
	_ = busy.ws.Close()
	_ = next.ws.Close()
	eventually(t, "the job waits again", func() bool { return g.Stats().Waiting == 1 })
	full.send(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_UpdateWorker{UpdateWorker: &livekit.UpdateWorkerStatus{Status: livekit.WorkerStatus_WS_AVAILABLE.Enum()}}})
	again, resuming := full.receiveOffer()
	if again.Id != j.Id || !resuming {
		t.Errorf("offered %v, resuming %v", again, resuming)
	}
	g.RoomFinished(blue)
	full.answer(&livekit.AvailabilityResponse{JobId: again.Id, Available: true}) // too late
	full.ping()
	if s := g.Stats(); s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
}

// The job is created again when the participant returns.
func TestWaitingJobIsDroppedWhenItsParticipantLeaves(t *testing.T) {
	g := newFixture(t, 0)
	g.RoomStarted(blue, scribes)
	full := g.registerWorker(livekit.JobType_JT_PARTICIPANT, "scribe")
	full.setStatus(livekit.WorkerStatus_WS_FULL, 0)
	for range 2 {
		g.ParticipantJoined("blue", ada())
		eventually(t, "a job waits", func() bool { return g.Stats().Waiting == 1 })
		g.ParticipantLeft("blue", ada())
		if s := g.Stats(); s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// A removed agent loses its job. The job of an agent whose connection timed out restarts. If an agent leaves by
// itself, its worker reports the state of the job.
func TestJobRestartsAfterAgentTimeoutAndEndsAfterAgentRemoval(t *testing.T) {
	g := newFixture(t, 0)
	h := g.registerWorker(livekit.JobType_JT_ROOM, "scribe")
	g.RoomStarted(blue, scribes)
	j, _ := h.acceptJob()
	leave := func(sid string, why livekit.DisconnectReason) {
		bot := &livekit.ParticipantInfo{Sid: sid, Identity: "bot", Kind: livekit.ParticipantInfo_AGENT, DisconnectReason: why}
		g.ParticipantJoined("blue", bot)
		g.ParticipantLeft("blue", bot)
	}
	leave("PA_1", livekit.DisconnectReason_CLIENT_INITIATED)
	leave("PA_2", livekit.DisconnectReason_DUPLICATE_IDENTITY)
	h.ping() // there was no termination
	g.ParticipantLeft("blue", &livekit.ParticipantInfo{Sid: "PA_other", Identity: "bot", Kind: livekit.ParticipantInfo_AGENT})
	h.ping()

	leave("PA_3", livekit.DisconnectReason_CONNECTION_TIMEOUT)
	if got := h.receive().GetTermination(); got.GetJobId() != j.Id {
		t.Fatalf("received %v, want the termination", got)
	}
	if again, _ := h.acceptJob(); again.Id != j.Id {
		t.Errorf("took %v", again)
	}
	leave("PA_4", livekit.DisconnectReason_PARTICIPANT_REMOVED)
	if got := h.receive().GetTermination(); got.GetJobId() != j.Id {
		t.Fatalf("received %v, want the termination", got)
	}
	h.updateJob(j.Id, livekit.JobStatus_JS_FAILED) // the worker reports late
	h.ping()
	state := g.List("blue", "")[0].State.Jobs[0].State
	if state.Status != livekit.JobStatus_JS_FAILED || state.Error != "the agent left the room" {
		t.Errorf("state %v", state)
	}
}

// An agent that leaves in time must not be removed. Nor must a later agent with the same identity.
func TestAgentThatStaysAfterItsDispatchIsDeletedIsRemovedFromRoom(t *testing.T) {
	removed := make(chan string, 10)
	d := New(keys, Options{LeaveTimeout: 20 * time.Millisecond, Remove: func(_ context.Context, room, identity string) error {
		removed <- room + "/" + identity
		return nil
	}})
	g := newFixtureWith(t, d)
	h := g.registerWorker(livekit.JobType_JT_ROOM, "scribe")
	g.RoomStarted(blue, nil)
	for _, leaves := range []bool{true, false} {
		one, err := g.Create(&livekit.CreateAgentDispatchRequest{Room: "blue", AgentName: "scribe"})
		if err != nil {
			t.Fatal(err)
		}
		h.acceptJob()
		bot := &livekit.ParticipantInfo{Sid: "PA_" + one.Id, Identity: "bot", Kind: livekit.ParticipantInfo_AGENT}
		g.ParticipantJoined("blue", bot)
		if _, err := g.Delete("blue", one.Id); err != nil {
			t.Fatal(err)
		}
		h.receive() // the termination
		if leaves {
			g.ParticipantLeft("blue", bot)
			g.ParticipantJoined("blue", &livekit.ParticipantInfo{Sid: "PA_next", Identity: "bot", Kind: livekit.ParticipantInfo_AGENT})
		}
	}
	if got := <-removed; got != "blue/bot" {
		t.Errorf("removed %s", got)
	}
	d.Close()
	if len(removed) > 0 {
		t.Errorf("removed %s too", <-removed)
	}
}

func TestJobForADeploymentGoesOnlyToWorkersOfThatDeployment(t *testing.T) {
	g := newFixture(t, 0)
	green, plain := g.dial(), g.registerWorker(livekit.JobType_JT_ROOM, "scribe")
	green.sendRegister(&livekit.RegisterWorkerRequest{AgentName: "scribe", Deployment: "green"})
	green.receive()
	g.RoomStarted(blue, []*livekit.RoomAgentDispatch{{AgentName: "scribe", Deployment: "green"}})
	if j, _ := green.acceptJob(); j.Deployment != "green" {
		t.Errorf("took %v", j)
	}
	plain.ping()
}

// The worker gets the simulated job even if it is full.
func TestSimulatedJobIsOfferedOnlyToTheWorkerThatRequestedIt(t *testing.T) {
	g := newFixture(t, 0)
	h, other := g.registerWorker(livekit.JobType_JT_PUBLISHER, "scribe"), g.registerWorker(livekit.JobType_JT_ROOM, "scribe")
	g.RoomStarted(blue, nil)
	h.setStatus(livekit.WorkerStatus_WS_FULL, 1)
	simulate := func(room string, p *livekit.ParticipantInfo) {
		h.send(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_SimulateJob{SimulateJob: &livekit.SimulateJobRequest{Room: &livekit.Room{Name: room}, Participant: p}}})
	}
	simulate("none", nil)
	simulate("blue", nil)
	j, _ := h.acceptJob()
	if j.Type != livekit.JobType_JT_ROOM || j.Room.Sid != blue.Sid || j.AgentName != "scribe" {
		t.Errorf("took %v", j)
	}
	simulate("blue", ada())
	about, _ := h.receiveOffer()
	if about.Type != livekit.JobType_JT_PUBLISHER || about.Participant.GetIdentity() != "ada" {
		t.Errorf("offered %v", about)
	}
	h.answer(&livekit.AvailabilityResponse{JobId: about.Id})
	h.updateJob(j.Id, livekit.JobStatus_JS_FAILED)
	h.ping() // the job is not restarted
	other.ping()
	eventually(t, "the simulated dispatches are removed", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.rooms["blue"].dispatches) == 1
	})
	if list := g.List("blue", ""); len(list) != 1 || list[0].AgentName != "" {
		t.Errorf("dispatches %v", list)
	}
	for range maxSimulated + 5 {
		simulate("blue", nil)
	}
	for range maxSimulated {
		h.receiveOffer()
	}
	h.ping() // there are no further offers
}
