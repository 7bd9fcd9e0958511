package server_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"

	"meet/internal/client"
	"meet/internal/config"
	"meet/test/harness"
)

// webhookEvents records the events that a webhook receiver gets, in order.
type webhookEvents struct {
	mu  sync.Mutex
	all []*livekit.WebhookEvent
}

// webhookReceiver starts a webhook receiver, and returns its events and the setting for a server that uses it.
func webhookReceiver(t *testing.T) (*webhookEvents, func(*config.Config)) {
	t.Helper()
	e := &webhookEvents{}
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		event := &livekit.WebhookEvent{}
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			t.Error(err)
		}
		if err := protojson.Unmarshal(body, event); err != nil {
			t.Errorf("%v in %s", err, body)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.all = append(e.all, event)
	}))
	t.Cleanup(web.Close)
	return e, func(c *config.Config) { c.WebhookURLs, c.WebhookPrivate = []string{web.URL}, true }
}

// firstOf returns the first event of a room, or nil.
func (e *webhookEvents) firstOf(room string) *livekit.WebhookEvent {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := slices.IndexFunc(e.all, func(event *livekit.WebhookEvent) bool { return event.GetRoom().GetName() == room }); i >= 0 {
		return e.all[i]
	}
	return nil
}

// kinds returns the names of all events so far.
func (e *webhookEvents) kinds() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var kinds []string
	for _, event := range e.all {
		kinds = append(kinds, event.Event)
	}
	return kinds
}

func TestWebhookEventsOfARoomComeInOrder(t *testing.T) {
	got, receives := webhookReceiver(t)
	s := newServer(t, receives)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	if _, err := s.rooms.CreateRoom(ctx, &livekit.CreateRoomRequest{Name: "room", DepartureTimeout: 1}); err != nil {
		t.Fatal(err)
	}
	ada := s.join(ctx, "ada", client.Options{})
	ada.publishBoth(ctx)
	harness.Eventually(ctx, t, "both tracks are published", func() bool { return len(got.kinds()) == 4 })
	if err := ada.Leave(); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(ctx, t, "the room ends a second after the last participant has left", func() bool { return slices.Contains(got.kinds(), "room_finished") })
	want := []string{"room_started", "participant_joined", "track_published", "track_published", "track_unpublished", "track_unpublished", "participant_left", "room_finished"}
	if kinds := got.kinds(); !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
	harness.Eventually(ctx, t, "the room is gone", func() bool { return len(s.roomNames(ctx)) == 0 })
}

func TestServerShutdownSendsLeaveToClients(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	left := make(chan *livekit.LeaveRequest, 1)
	ada := s.join(ctx, "ada", client.Options{OnLeave: func(l *livekit.LeaveRequest) { left <- l }})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	select {
	case l := <-left:
		if l.Reason != livekit.DisconnectReason_SERVER_SHUTDOWN || l.Action != livekit.LeaveRequest_DISCONNECT {
			t.Errorf("left because of %v", l)
		}
	case <-ctx.Done():
		t.Fatal("ada received no Leave")
	}
	<-ada.Done()
}
