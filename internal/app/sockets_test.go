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

// An agent worker registers as LiveKit's SDKs do, accepts a job when a participant publishes, and its agent joins the
// room.
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
	send := func(m *livekit.WorkerMessage) {
		t.Helper()
		frame, err := proto.Marshal(m)
		if err == nil {
			err = ws.WriteMessage(websocket.BinaryMessage, frame)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	receive := func() *livekit.ServerMessage {
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
	send(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Register{Register: &livekit.RegisterWorkerRequest{Type: livekit.JobType_JT_PUBLISHER}}})
	if receive().GetRegister().GetServerInfo().GetAgentProtocol() != 1 {
		t.Fatal("registered without the server's agent protocol")
	}

	ada := s.joinByPage(ctx, "helped", "Ada", client.Options{})
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
	offer := receive().GetAvailability().GetJob()
	if offer.GetRoom().GetName() != "helped" || offer.Participant.GetName() != "Ada" {
		t.Fatalf("offered %v", offer)
	}
	send(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_Availability{Availability: &livekit.AvailabilityResponse{
		JobId: offer.Id, Available: true, ParticipantIdentity: "helper", ParticipantName: "Helper",
	}}})
	agent, err := client.Join(ctx, s.SocketURL(), receive().GetAssignment().GetToken(), client.Options{HostOnly: true})
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
	send(&livekit.WorkerMessage{Message: &livekit.WorkerMessage_UpdateJob{UpdateJob: &livekit.UpdateJobStatus{JobId: offer.Id, Status: livekit.JobStatus_JS_SUCCESS}}})
}

func TestDirectCallWebSocketIsClosedAtServerShutdown(t *testing.T) {
	s := start(t, harness.Settings(t))
	ws, _, err := websocket.DefaultDialer.Dial(s.SocketURL()+"/direct/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, raw, err := ws.ReadMessage(); err != nil || !strings.HasPrefix(string(raw), `{"NewUser":"`) {
		t.Fatalf("received %s, %v", raw, err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("after the server's end: %v", err)
	}
}
