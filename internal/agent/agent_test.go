package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"go.uber.org/goleak"

	"meet/internal/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The room has no dispatches in its configuration. The test uses binary and JSON messages.
func TestNewRoomCreatesJobForUnnamedWorkers(t *testing.T) {
	for _, inJSON := range []bool{false, true} {
		g := newFixture(t, 0)
		h := g.dial()
		h.json = inJSON
		h.register(livekit.JobType_JT_ROOM, "")
		g.RoomStarted(blue, nil)
		j, raw := h.acceptJob()
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
		if list := g.List("blue", ""); len(list) != 1 || list[0].AgentName != "" || list[0].State.Jobs[0].Id != j.Id {
			t.Errorf("the room's own dispatch is listed as %v", list)
		}
		g.RoomFinished(blue)
		if got := h.receive().GetTermination(); got.GetJobId() != j.Id {
			t.Errorf("received %v when the room ended", got)
		}
		if s := g.Stats(); s.Workers != 1 || s.Jobs != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// A dispatch can come from the room's configuration or from the API.
func TestJobOfANamedAgentEndsWhenItsDispatchIsDeleted(t *testing.T) {
	g := newFixture(t, 0)
	scribe, nameless := g.registerWorker(livekit.JobType_JT_ROOM, "scribe"), g.registerWorker(livekit.JobType_JT_ROOM, "")
	g.RoomStarted(blue, []*livekit.RoomAgentDispatch{{AgentName: "scribe", Metadata: "m", Attributes: map[string]string{"a": "b"}}})
	j, _ := scribe.acceptJob()
	if j.Metadata != "m" || j.AgentName != "scribe" || j.Attributes["a"] != "b" {
		t.Errorf("job %v", j)
	}
	nameless.ping() // it was offered nothing
	made, err := g.Create(&livekit.CreateAgentDispatchRequest{Room: "blue", AgentName: "scribe", Metadata: "second"})
	if err != nil {
		t.Fatal(err)
	}
	second, _ := scribe.acceptJob()
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
	if got := scribe.receive().GetTermination(); got.GetJobId() != second.Id {
		t.Errorf("received %v, want the termination", got)
	}
	if _, err := g.Delete("blue", made.Id); err == nil {
		t.Error("deleted twice")
	}
	if _, err := g.Create(&livekit.CreateAgentDispatchRequest{Room: "none", AgentName: "scribe"}); err == nil {
		t.Error("created a dispatch in a room that does not exist")
	}
}

// There is one job for each participant and one for each publisher, but none about agents and recorders.
func TestEachParticipantAndPublisherGetsAJobUnlessAgentOrRecorder(t *testing.T) {
	g := newFixture(t, 0)
	participantWorker, publisherWorker := g.registerWorker(livekit.JobType_JT_PARTICIPANT, ""), g.registerWorker(livekit.JobType_JT_PUBLISHER, "")
	g.RoomStarted(blue, nil)
	for _, service := range []*livekit.ParticipantInfo{
		{Identity: "other-bot", Kind: livekit.ParticipantInfo_AGENT},
		{Identity: "egress", Kind: livekit.ParticipantInfo_EGRESS},
		{Identity: "recorder", Permission: &livekit.ParticipantPermission{Recorder: true}},
	} {
		g.ParticipantJoined("blue", service)
	}
	g.ParticipantJoined("blue", ada())
	if j, _ := participantWorker.acceptJob(); j.Participant.GetIdentity() != "ada" {
		t.Errorf("job about %v", j.Participant)
	}
	g.TrackPublished("blue", ada())
	g.TrackPublished("blue", ada()) // a second track
	if j, _ := publisherWorker.acceptJob(); j.Participant.GetIdentity() != "ada" {
		t.Errorf("job about %v", j.Participant)
	}
	publisherWorker.ping()
	// A later dispatch gets jobs about the participants that are in the room.
	if _, err := g.Create(&livekit.CreateAgentDispatchRequest{Room: "blue"}); err != nil {
		t.Fatal(err)
	}
	participantWorker.acceptJob()
	publisherWorker.acceptJob()
	g.ParticipantLeft("blue", ada())
	g.TrackPublished("blue", ada())
	publisherWorker.ping()
}

// A worker may decline the job, be full, have too high a load, or not answer in time.
func TestJobIsNotAssignedToUnavailableWorkers(t *testing.T) {
	g := newFixture(t, 200*time.Millisecond)
	declines, silent := g.registerWorker(livekit.JobType_JT_ROOM, ""), g.registerWorker(livekit.JobType_JT_ROOM, "")
	full, busy := g.registerWorker(livekit.JobType_JT_ROOM, ""), g.registerWorker(livekit.JobType_JT_ROOM, "")
	full.setStatus(livekit.WorkerStatus_WS_FULL, 0)
	busy.setStatus(livekit.WorkerStatus_WS_AVAILABLE, 0.75)
	g.RoomStarted(blue, nil)
	j, _ := declines.receiveOffer()
	declines.answer(&livekit.AvailabilityResponse{JobId: j.Id})
	silent.receiveOffer()
	eventually(t, "all offers have been declined or have timed out", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, w := range g.workers {
			if len(w.offers) > 0 || len(g.waiting) > 0 {
				return false
			}
		}
		return true
	})
	full.ping() // neither full nor busy was offered the job
	busy.ping()
	silent.answer(&livekit.AvailabilityResponse{JobId: j.Id, Available: true}) // too late
	silent.ping()
	if s := g.Stats(); s.Jobs != 0 {
		t.Errorf("%+v", s)
	}
}

// A job is reassigned when its worker disconnects or reports a failure, up to maxRestarts times, unless the restart
// policy of its dispatch forbids it.
func TestFailedJobIsReassigned(t *testing.T) {
	g := newFixture(t, 0)
	first := g.registerWorker(livekit.JobType_JT_ROOM, "scribe")
	g.RoomStarted(blue, []*livekit.RoomAgentDispatch{{AgentName: "scribe"}})
	j, _ := first.acceptJob()
	second := g.registerWorker(livekit.JobType_JT_ROOM, "scribe")
	_ = first.ws.Close()
	for try := range maxRestarts {
		again, resuming := second.receiveOffer()
		if again.Id != j.Id || !resuming {
			t.Fatalf("offered %v, resuming %v", again, resuming)
		}
		second.answer(&livekit.AvailabilityResponse{JobId: j.Id, Available: true})
		second.receive()
		if try == 0 {
			second.updateJob(j.Id, livekit.JobStatus_JS_RUNNING)
		}
		second.updateJob(j.Id, livekit.JobStatus_JS_FAILED)
	}
	second.ping() // it is not offered the job again
	state := g.List("blue", "")[0].State.Jobs[0].State
	if state.Status != livekit.JobStatus_JS_FAILED || state.Error != "why" || state.EndedAt == 0 {
		t.Errorf("state %v", state)
	}
	if _, err := g.Create(&livekit.CreateAgentDispatchRequest{Room: "blue", AgentName: "scribe", RestartPolicy: livekit.JobRestartPolicy_JRP_NEVER}); err != nil {
		t.Fatal(err)
	}
	once, _ := second.acceptJob()
	second.updateJob(once.Id, livekit.JobStatus_JS_FAILED)
	second.updateJob(once.Id, livekit.JobStatus_JS_FAILED) // ignored: the job is no longer assigned to it
	second.ping()
}
