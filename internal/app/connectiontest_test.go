package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/lobby"
	"meet/internal/token"
	"meet/test/harness"
)

// webhookLog is a server that records the bodies of webhooks.
type webhookLog struct {
	mu   sync.Mutex
	text string
}

func (l *webhookLog) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text += string(body) + "\n"
}

func (l *webhookLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}

// The meeting after the test shows that the lists, the records and the webhooks were up to date when they were checked.
func TestConnectionTestIsInNoListRecordOrWebhook(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	hooks := &webhookLog{}
	receiver := httptest.NewServer(hooks)
	defer receiver.Close()
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	cfg.WebhookURLs, cfg.WebhookPrivate = []string{receiver.URL}, true
	s := start(t, cfg)

	var test lobby.ConnectionTest
	if err := json.Unmarshal(s.request("POST", "/api/connection-test", "").body, &test); err != nil {
		t.Fatal(err)
	}
	join := func(raw string) (*client.Client, error) {
		return client.Join(ctx, test.ServerURL, raw, client.Options{SinglePC: true, HostOnly: true})
	}
	for _, raw := range []string{test.PublisherToken, test.SubscriberToken} {
		c, err := join(raw)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	third := token.New(config.DevKey.Name, config.DevKey.Secret).SetIdentity("third").
		SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: test.RoomName})
	raw, err := third.ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	if c, err := join(raw); err == nil {
		_ = c.Close()
		t.Error("a third participant can join the room of a connection test")
	}
	rooms := s.roomService(token.VideoGrant{RoomAdmin: true, RoomCreate: true, Room: test.RoomName})
	harness.Eventually(ctx, t, "both participants of the test are connected", func() bool {
		r, err := rooms.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: test.RoomName})
		return err == nil && len(r.Participants) == 2 && r.Participants[0].State == livekit.ParticipantInfo_ACTIVE &&
			r.Participants[1].State == livekit.ParticipantInfo_ACTIVE
	})

	s.joinByPage(ctx, "blue", "Ada", client.Options{})
	var open []liveRoom
	harness.Eventually(ctx, t, "the lobby lists the meeting that began after the test", func() bool {
		s.Get("/api/rooms", &open)
		return len(open) > 0 && open[0].NumParticipants == 1
	})
	if len(open) != 1 || open[0].Name != "blue" {
		t.Errorf("open rooms: %v", open)
	}
	for _, path := range []string{"/", "/api/events"} {
		if body := string(s.request("GET", path, "").body); !strings.Contains(body, "blue") || strings.Contains(body, test.RoomName) {
			t.Errorf("%s: %s", path, body)
		}
	}

	for _, room := range []string{test.RoomName, "blue"} {
		if _, err := s.roomService(token.VideoGrant{RoomCreate: true}).DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: room}); err != nil {
			t.Fatal(err)
		}
	}
	var ended []meeting
	harness.Eventually(ctx, t, "the meeting has a record", func() bool {
		s.Get("/api/meetings", &ended)
		return len(ended) > 0
	})
	if len(ended) != 1 || ended[0].Name != "blue" {
		t.Errorf("meetings: %v", ended)
	}
	harness.Eventually(ctx, t, "the webhook about the meeting's end", func() bool { return strings.Contains(hooks.String(), "room_finished") })
	if text := hooks.String(); strings.Contains(text, test.RoomName) {
		t.Errorf("webhooks about the test: %s", text)
	}

	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	start(t, cfg).Get("/api/meetings", &ended)
	if len(ended) != 1 || ended[0].Name != "blue" {
		t.Errorf("meetings after a restart: %v", ended)
	}
}
