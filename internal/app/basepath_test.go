package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

// Pages, files, JSON, events, signalling and the server APIs all work below the base path.
func TestPagesAndAPIsAreServedBelowTheBasePath(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.BasePath, cfg.Keys = "/a/meet", []config.Key{config.DevKey}
	s := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	site := s.URL() + "/a/meet"

	get := func(address string) (int, string) {
		t.Helper()
		resp, err := s.HTTP.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for address, want := range map[string]string{
		site: `action="/a/meet/new"`, site + "/": `href="/a/meet/static/`, s.URL() + "/": `action="/a/meet/new"`,
		site + "/rooms/blue": `data-base="/a/meet"`, site + "/rooms/a%2Fb": `data-room="a/b"`, site + "/healthz": "ok", s.URL() + "/healthz": "ok",
		site + "/static/manifest.json": `"entries"`, site + "/metrics": "meet_", site + "//readyz": "ok",
	} {
		if status, body := get(address); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, does not say %s", address, status, want)
		}
	}
	if status, _ := get(s.URL() + "/a/meeting"); status != http.StatusNotFound {
		t.Errorf("a path that only has the same prefix: %d", status)
	}

	var details struct{ ServerURL, ParticipantToken string }
	_, body := get(site + "/api/connection-details?roomName=blue&participantName=Ada")
	if err := json.Unmarshal([]byte(body), &details); err != nil || details.ServerURL != s.SocketURL()+"/a/meet" {
		t.Fatalf("signalling is at %q, %v", details.ServerURL, err)
	}
	for _, single := range []bool{false, true} {
		c, err := client.Join(ctx, details.ServerURL, details.ParticipantToken, client.Options{HostOnly: true, SinglePC: single})
		if err != nil {
			t.Fatalf("one connection %v: %v", single, err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	events, err := http.NewRequestWithContext(ctx, http.MethodGet, site+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.HTTP.Do(events)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); ; {
		if !lines.Scan() {
			t.Fatal("no event contains the room")
		}
		if strings.Contains(lines.Text(), `"url":"/a/meet/rooms/blue"`) {
			break
		}
	}

	raw, err := token.New(config.DevKey.Name, config.DevKey.Secret).SetVideoGrant(token.VideoGrant{RoomList: true}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	call, err := twirp.WithHTTPRequestHeaders(ctx, http.Header{"Authorization": {"Bearer " + raw}})
	if err != nil {
		t.Fatal(err)
	}
	rooms, err := livekit.NewRoomServiceProtobufClient(site, s.HTTP).ListRooms(call, &livekit.ListRoomsRequest{})
	if err != nil || len(rooms.Rooms) != 1 || rooms.Rooms[0].Name != "blue" {
		t.Errorf("rooms %v, %v", rooms, err)
	}
	ws, _, err := websocket.DefaultDialer.DialContext(ctx, s.SocketURL()+"/a/meet/direct/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = ws.Close()

	var greeting strings.Builder
	if err := s.Greet(&greeting); err != nil || !strings.Contains(greeting.String(), site+"/\n") {
		t.Errorf("the greeting does not say %s/: %s %v", site, &greeting, err)
	}
}
