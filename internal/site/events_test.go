package site_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meet/internal/lobby"
	"meet/internal/site"
)

type lobbyEvent struct {
	Rooms    []struct{ Name string }
	Meetings []struct{ Name string }
}

// stream opens the lobby's events; next waits for one.
func stream(t *testing.T, ctx context.Context, address string) (next func() (lobbyEvent, bool)) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	lines := bufio.NewScanner(resp.Body)
	return func() (e lobbyEvent, ok bool) {
		for lines.Scan() {
			data, found := strings.CutPrefix(lines.Text(), "data: ")
			if !found {
				continue
			}
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				t.Fatal(err)
			}
			return e, true
		}
		return e, false
	}
}

func TestEventsShowTheLatest(t *testing.T) {
	r := newRig(t, site.Options{})
	server := httptest.NewServer(r.echo)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	next := stream(t, ctx, server.URL)
	if e, ok := next(); !ok || e.Rooms == nil || e.Meetings == nil || len(e.Rooms) != 0 {
		t.Fatalf("at once: %+v, %v; want empty lists", e, ok)
	}
	r.meet("RM_1", "blue", false)
	if e, ok := next(); !ok || len(e.Rooms) != 1 || e.Rooms[0].Name != "blue" {
		t.Fatalf("a room started: %+v, %v", e, ok)
	}
	for i := range 1000 { // far more changes than events
		r.lobby.RoomChanged("RM_1", i, "")
	}
	r.lobby.RoomFinished("RM_1", noon)
	for events := 0; ; events++ {
		e, ok := next()
		if !ok || events > 10 {
			t.Fatalf("no event shows the end: %+v after %d", e, events)
		}
		if len(e.Rooms) == 0 && len(e.Meetings) == 1 {
			break
		}
	}
}

func TestEventsEndWithTheServer(t *testing.T) {
	r := newRig(t, site.Options{})
	base, shutdown := context.WithCancel(t.Context())
	server := httptest.NewUnstartedServer(r.echo)
	server.Config.BaseContext = func(net.Listener) context.Context { return base }
	server.Start()
	defer server.Close()
	next := stream(t, t.Context(), server.URL)
	if _, ok := next(); !ok {
		t.Fatal("no first event")
	}
	shutdown()
	if e, ok := next(); ok {
		t.Errorf("an event after the end: %+v", e)
	}
	r.lobby.RoomStarted(lobby.Room{SID: "RM_1"}) // nobody listens any more
}
