package app_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"

	"meet/internal/config"
	"meet/internal/name"
	"meet/internal/token"
	"meet/test/harness"
)

// The server API accepts the same room names as /api/connection-details, and refuses all others. The lobby lists every
// created room with a link that works.
func TestLobbyLinksToEveryRoomCreatedByTheAPI(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	api := s.roomService(token.VideoGrant{RoomCreate: true})
	var made []string
	for _, room := range []string{
		" sp ", "\u202eabc", "\u200b", "a\u00adb", "cafe\u0301", "caf\u00e9", "a/b", "%2e%2e", ".", "..", "a?b#c", "\uf8ff", "\u3164",
		"\U0001f469\u200d\U0001f469\u200d\U0001f467", "a\tb", strings.Repeat("\u00e9", 129), "100%",
	} {
		page := s.request(http.MethodGet, "/api/connection-details?"+query("roomName", room, "participantName", "Ada"), "").response.StatusCode
		_, err := api.CreateRoom(t.Context(), &livekit.CreateRoomRequest{Name: room})
		if (err == nil) != (page == http.StatusOK) {
			t.Errorf("%+q: the page's answer is %d, that of the server API %v", room, page, err)
		}
		if want := name.Lookup(room); err == nil && !slices.Contains(made, want) {
			made = append(made, want)
		}
	}
	if x := s.request(http.MethodPost, "/token", `{"roomName":"a\ud800","participantName":"Ada"}`); x.response.StatusCode != http.StatusBadRequest {
		t.Errorf("half a surrogate pair in a room's name: %d %s", x.response.StatusCode, x.body)
	}
	var listed []struct{ Name, URL string }
	s.Get("/api/rooms", &listed)
	if len(listed) != len(made) || len(made) != 8 {
		t.Errorf("the lobby lists %+v, want %+q", listed, made)
	}
	for _, room := range listed {
		x := s.request(http.MethodGet, room.URL, "")
		if x.response.StatusCode != http.StatusOK || !slices.Contains(made, room.Name) {
			t.Errorf("the lobby links to %s for %+q: %d", room.URL, room.Name, x.response.StatusCode)
		}
	}
}

// query encodes alternating names and values as a URL query.
func query(pairs ...string) string {
	values := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		values.Set(pair[0], pair[1])
	}
	return values.Encode()
}
