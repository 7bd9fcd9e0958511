package server_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/client"
	"meet/test/harness"
)

// simulate requests a simulated scenario from the server.
func (g *testClient) simulate(s *livekit.SimulateScenario) {
	g.t.Helper()
	if err := g.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Simulate{Simulate: s}}); err != nil {
		g.t.Fatal(err)
	}
}

// leaveRequests returns all Leave messages received so far.
func (g *testClient) leaveRequests() []*livekit.LeaveRequest {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []*livekit.LeaveRequest
	for _, m := range g.messages {
		if l := m.GetLeave(); l != nil {
			all = append(all, l)
		}
	}
	return all
}

func TestSimulatedSpeakerIsAnnounced(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		mic, _ := ada.publishBoth(ctx)
		harness.Eventually(ctx, t, "bo hears ada", func() bool { return bo.receives(mic.SID(), 1) })
		sid := ada.Participant().GetSid()
		ada.simulate(&livekit.SimulateScenario{Scenario: &livekit.SimulateScenario_SpeakerUpdate{SpeakerUpdate: 1}})
		for name, g := range map[string]*testClient{"ada": ada, "bo": bo} {
			speaks := func(yes bool) func(*livekit.SignalResponse) bool {
				return func(m *livekit.SignalResponse) bool {
					for _, x := range m.GetSpeakersChanged().GetSpeakers() {
						if x.Sid == sid && x.Active == yes && (x.Level > 0.85) == yes {
							return true
						}
					}
					return false
				}
			}
			harness.Eventually(ctx, t, name+" sees that ada speaks", func() bool { return g.hasMessage(speaks(true)) })
		}
	})
}

// Other participants see an ordinary departure.
func TestSimulatedDisconnectSendsItsReasonAndAction(t *testing.T) {
	for name, c := range map[string]struct {
		scenario *livekit.SimulateScenario
		reason   livekit.DisconnectReason // reason in the Leave
		action   livekit.LeaveRequest_Action
		silent   bool // the client gets no Leave until it tries to resume
	}{
		"server leaves": {
			&livekit.SimulateScenario{Scenario: &livekit.SimulateScenario_ServerLeave{ServerLeave: true}},
			livekit.DisconnectReason_SERVER_SHUTDOWN, livekit.LeaveRequest_DISCONNECT, false,
		},
		"full reconnect": {
			&livekit.SimulateScenario{Scenario: &livekit.SimulateScenario_LeaveRequestFullReconnect{LeaveRequestFullReconnect: true}},
			livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT, false,
		},
		"node fails": {
			&livekit.SimulateScenario{Scenario: &livekit.SimulateScenario_NodeFailure{NodeFailure: true}},
			livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT, true,
		},
		"migration": {
			&livekit.SimulateScenario{Scenario: &livekit.SimulateScenario_Migration{Migration: true}},
			livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			ada, bo := s.join(ctx, "ada", client.Options{}), s.join(ctx, "bo", client.Options{})
			harness.Eventually(ctx, t, "bo sees ada", func() bool { return bo.RemoteParticipant("ada") != nil })
			ada.simulate(c.scenario)
			harness.Eventually(ctx, t, "bo sees ada leave", func() bool { return bo.RemoteParticipant("ada") == nil })
			if c.silent {
				if l := ada.leaveRequests(); len(l) > 0 {
					t.Errorf("a Leave before the resume: %v", l)
				}
				if err := ada.Resume(ctx); err == nil {
					t.Error("the resume succeeded")
				}
			}
			harness.Eventually(ctx, t, "ada gets a Leave", func() bool { return len(ada.leaveRequests()) == 1 })
			if l := ada.leaveRequests()[0]; l.Reason != c.reason || l.Action != c.action || l.CanReconnect != (c.action != livekit.LeaveRequest_DISCONNECT) {
				t.Errorf("%v", l)
			}
		})
	}
}

// The scenario determines how many resumes the server drops. The server accepts the next resume.
func TestResumeSucceedsAfterSimulatedSignalDrops(t *testing.T) {
	for name, c := range map[string]struct {
		scenario *livekit.SimulateScenario
		drops    int
		first    bool // whether a dropped resume still gets the first message
	}{
		"after the first message": {&livekit.SimulateScenario{
			Scenario: &livekit.SimulateScenario_DisconnectSignalOnResume{DisconnectSignalOnResume: true},
		}, 1, true},
		"before it": {&livekit.SimulateScenario{
			Scenario: &livekit.SimulateScenario_DisconnectSignalOnResumeNoMessages{DisconnectSignalOnResumeNoMessages: true},
		}, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			ada := s.join(ctx, "ada", client.Options{})
			ada.simulate(c.scenario)
			if err := ada.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Ping{Ping: 1}}); err != nil {
				t.Fatal(err)
			}
			harness.Eventually(ctx, t, "a pong shows that the server has read the scenario", func() bool {
				return ada.hasMessage(func(m *livekit.SignalResponse) bool { return m.GetPong() != 0 })
			})
			for range c.drops {
				if got := s.resumeRaw(ctx, ada); len(got) > 1 || (len(got) == 1) != c.first {
					t.Errorf("a dropped resume received %v", got)
				}
			}
			if err := ada.Resume(ctx); err != nil {
				t.Errorf("the resume after that: %v", err)
			}
		})
	}
}

// resumeRaw resumes g's session on a new socket and returns the messages received until the server closes the socket.
func (s *server) resumeRaw(ctx context.Context, g *testClient) []*livekit.SignalResponse {
	s.T.Helper()
	header := http.Header{"Authorization": {"Bearer " + s.token(g.Participant().GetIdentity())}}
	ws, _, err := websocket.DefaultDialer.DialContext(ctx, s.SocketURL()+"/rtc?protocol=17&reconnect=1&sid="+g.Participant().GetSid(), header)
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = ws.Close() }()
	var all []*livekit.SignalResponse
	for {
		_, frame, err := ws.ReadMessage()
		if err != nil {
			return all
		}
		m := &livekit.SignalResponse{}
		if err := proto.Unmarshal(frame, m); err != nil {
			s.T.Fatal(err)
		}
		all = append(all, m)
	}
}
