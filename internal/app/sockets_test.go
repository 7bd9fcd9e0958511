package app_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"google.golang.org/protobuf/proto"

	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

// TestAgentWorkerGetsAJobAndItsAgentJoins is an agent worker as LiveKit's SDKs are: it registers, gets a job as somebody opens a room, and its agent
// joins and is seen as one.
func TestAgentWorkerGetsAJobAndItsAgentJoins(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	raw, err := token.New(config.DevKey.Name, config.DevKey.Secret).SetVideoGrant(token.VideoGrant{Agent: true}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	ws, _, err := websocket.DefaultDialer.Dial(s.SocketURL()+"/agent", http.Header{"Authorization": {"Bearer " + raw}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	say := func(m *livekit.WorkerMessage) {
		t.Helper()
		frame, err := proto.Marshal(m)
		if err == nil {
			err = ws.WriteMessage(websocket.BinaryMessage, frame)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	hear := func() *livekit.ServerMessage {
		t.Helper()
		_ = ws.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, frame, err := ws.ReadMessage()
		m := &livekit.ServerMessage{}
		if err == nil {
			err = proto.Unmarshal(frame, m)
		}
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	say(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Register{Register: &livekit.RegisterWorkerRequest{Type: livekit.JobType_JT_PUBLISHER}}})
	if hear().GetRegister().GetServerInfo().GetAgentProtocol() != 1 {
		t.Fatal("registered without the server's agent protocol")
	}

	ada := s.join(ctx, "helped", "Ada", client.Options{})
	mic, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus})
	if err != nil {
		t.Fatal(err)
	}
	harness.Eventually(ctx, t, "the track is there", func() bool {
		if err := mic.WriteSample(media.Sample{Data: make([]byte, 80), Duration: 20 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		_, figures := s.metrics()
		return figures[`meet_tracks{kind="audio"}`] == 1
	})
	offer := hear().GetAvailability().GetJob()
	if offer.GetRoom().GetName() != "helped" || offer.Participant.GetName() != "Ada" {
		t.Fatalf("offered %v", offer)
	}
	say(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Availability{Availability: &livekit.AvailabilityResponse{
		JobId: offer.Id, Available: true, ParticipantIdentity: "helper", ParticipantName: "Helper",
	}}})
	agent, err := client.Join(ctx, s.SocketURL(), hear().GetAssignment().GetToken(), client.Options{HostOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	harness.Eventually(ctx, t, "Ada sees an agent", func() bool {
		o := ada.RemoteParticipant("helper")
		return o.GetKind() == livekit.ParticipantInfo_AGENT && o.GetName() == "Helper" && o.GetState() == livekit.ParticipantInfo_ACTIVE
	})
	if err := agent.Leave(); err != nil {
		t.Error(err)
	}
	say(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_UpdateJob{UpdateJob: &livekit.UpdateJobStatus{JobId: offer.Id, Status: livekit.JobStatus_JS_SUCCESS}}})
}

// TestDirectCallSocketClosesWithTheServer: the socket that introduces two browsers to each other is there, and closes with the server.
func TestDirectCallSocketClosesWithTheServer(t *testing.T) {
	s := start(t, harness.Settings(t))
	ws, _, err := websocket.DefaultDialer.Dial(s.SocketURL()+"/direct/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, raw, err := ws.ReadMessage(); err != nil || !strings.HasPrefix(string(raw), `{"NewUser":"`) {
		t.Fatalf("heard %s, %v", raw, err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("after the server's end: %v", err)
	}
}
