package agent

import (
	"fmt"
	"testing"

	"github.com/livekit/protocol/livekit"
)

// registerInNamespace connects a worker and registers it in a namespace.
func (g *fixture) registerInNamespace(namespace string, kind livekit.JobType, name string) *testWorker {
	g.t.Helper()
	h := g.dial()
	h.sendRegister(&livekit.RegisterWorkerRequest{Type: kind, AgentName: name, Namespace: &namespace})
	if h.receive().GetRegister() == nil {
		g.t.Fatal("not registered")
	}
	return h
}

// Workers may register before or after the room has started. A second worker in a namespace gets no job of its own.
func TestOneJobIsCreatedForEachWorkerNamespace(t *testing.T) {
	both := []*livekit.RoomAgentDispatch{{}, {AgentName: "ag"}}
	for _, kind := range []livekit.JobType{livekit.JobType_JT_ROOM, livekit.JobType_JT_PARTICIPANT, livekit.JobType_JT_PUBLISHER} {
		for _, name := range []string{"", "ag"} {
			for _, late := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v, name %q, late %t", kind, name, late), func(t *testing.T) {
					g := newFixture(t, 0)
					begin := func() {
						g.RoomStarted(blue, both)
						g.ParticipantJoined("blue", ada())
						g.TrackPublished("blue", ada())
					}
					if late {
						begin()
					}
					workers := map[string]*testWorker{}
					for _, ns := range []string{"", "namespace1", "namespace2"} {
						workers[ns] = g.registerInNamespace(ns, kind, name)
					}
					if !late {
						begin()
					}
					ids := map[string]bool{}
					for ns, h := range workers {
						j, _ := h.acceptJob()
						if j.Namespace != ns || j.Type != kind || j.AgentName != name || ids[j.Id] {
							t.Errorf("namespace %q got %v", ns, j)
						}
						ids[j.Id] = true
					}
					second := g.registerInNamespace("namespace1", kind, name)
					for _, h := range workers {
						h.ping() // there are no other jobs
					}
					second.ping()
				})
			}
		}
	}
}

func TestFailedJobIsReassignedWithinItsNamespace(t *testing.T) {
	g := newFixture(t, 0)
	first, other := g.registerInNamespace("one", livekit.JobType_JT_ROOM, "ag"), g.registerInNamespace("two", livekit.JobType_JT_ROOM, "ag")
	g.RoomStarted(blue, []*livekit.RoomAgentDispatch{{AgentName: "ag"}})
	j, _ := first.acceptJob()
	other.acceptJob()
	_ = first.ws.Close()
	eventually(t, "the job waits", func() bool { return g.Stats().Waiting == 1 })
	other.ping()
	next := g.registerInNamespace("one", livekit.JobType_JT_ROOM, "ag")
	if again, resuming := next.receiveOffer(); again.Id != j.Id || again.Namespace != "one" || !resuming {
		t.Errorf("offered %v, resuming %t", again, resuming)
	}
}
