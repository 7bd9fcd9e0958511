package site_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meet/internal/lobby"
	"meet/internal/site"
)

// lobbyEvent is the data of a lobby event.
type lobbyEvent struct {
	Rooms    []struct{ Name string }
	Meetings []struct{ Name string }
}

// openStream opens an event stream. next waits for an event and returns false at the end of the stream.
func openStream(t *testing.T, ctx context.Context, address string) (next func() (lobbyEvent, bool)) {
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

func TestLobbyEventsShowTheLatestState(t *testing.T) {
	r := newTestSite(t, site.Options{})
	server := httptest.NewServer(r.echo)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	next := openStream(t, ctx, server.URL)
	if e, ok := next(); !ok || e.Rooms == nil || e.Meetings == nil || len(e.Rooms) != 0 {
		t.Fatalf("first event: %+v, %v; want empty lists", e, ok)
	}
	r.holdMeeting("RM_1", "blue", false)
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

func TestEventStreamEndsWhenTheServerShutsDown(t *testing.T) {
	r := newTestSite(t, site.Options{})
	base, shutdown := context.WithCancel(t.Context())
	server := httptest.NewUnstartedServer(r.echo)
	server.Config.BaseContext = func(net.Listener) context.Context { return base }
	server.Start()
	defer server.Close()
	next := openStream(t, t.Context(), server.URL)
	if _, ok := next(); !ok {
		t.Fatal("no first event")
	}
	shutdown()
	if e, ok := next(); ok {
		t.Errorf("an event after the shutdown: %+v", e)
	}
	r.lobby.RoomStarted(lobby.Room{SID: "RM_1"}) // no stream is open any more
}

// One stream builds the event for all streams.
func TestLobbyEventsReachEveryEventStream(t *testing.T) {
	r := newTestSite(t, site.Options{})
	server := httptest.NewServer(r.echo)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var readers []func() (lobbyEvent, bool)
	for range 10 {
		next := openStream(t, ctx, server.URL)
		if _, ok := next(); !ok {
			t.Fatal("no first event")
		}
		readers = append(readers, next)
	}
	for i := range 3 {
		r.lobby.RoomStarted(lobby.Room{SID: fmt.Sprint("RM_", i), Name: "blue"})
		for n, next := range readers {
			if e, ok := next(); !ok || len(e.Rooms) != i+1 {
				t.Errorf("reader %d: %d rooms, want %d", n, len(e.Rooms), i+1)
			}
		}
	}
}

func TestOneNetworkCannotTakeAllEventStreams(t *testing.T) {
	r := newTestSite(t, site.Options{})
	server := httptest.NewServer(r.echo)
	t.Cleanup(server.Close) // after the bodies
	open := func(from string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", from) // the test acts as a proxy on this machine
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	for i := range site.MaxStreamsPerNetwork {
		if resp := open(fmt.Sprintf("2001:db8::%x", i+1)); resp.StatusCode != http.StatusOK {
			t.Fatalf("stream %d: %s", i, resp.Status)
		}
	}
	last := open("2001:db8::ffff")
	text, err := io.ReadAll(last.Body)
	if last.StatusCode != http.StatusTooManyRequests || !strings.Contains(string(text), `{"error":"too many clients watch the lobby from this address`) || last.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %s %s %v", last.Status, text, err)
	}
	for _, from := range []string{"2001:db8:0:100::1", "198.51.100.7"} {
		if resp := open(from); resp.StatusCode != http.StatusOK {
			t.Errorf("from %s: %s", from, resp.Status)
		}
	}
}
