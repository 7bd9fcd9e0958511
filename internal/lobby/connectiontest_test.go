package lobby_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"meet/internal/lobby"
	"meet/internal/token"
)

func TestConnectionTestTokensAllowOnlyTheirRandomRoom(t *testing.T) {
	l, _ := open(t, t.TempDir(), lobby.Options{})
	seen := map[string]bool{}
	for range 2 {
		test, err := l.NewConnectionTest()
		if err != nil {
			t.Fatal(err)
		}
		if !lobby.IsTestRoom(test.RoomName) || seen[test.RoomName] {
			t.Errorf("room %q", test.RoomName)
		}
		seen[test.RoomName] = true
		for raw, publishes := range map[string]bool{test.PublisherToken: true, test.SubscriberToken: false} {
			g, err := token.NewVerifier(token.Keys{key: secret}).Verify(raw)
			if err != nil {
				t.Fatal(err)
			}
			v := g.Video
			if !v.RoomJoin || v.Room != test.RoomName || v.MayPublish() != publishes || v.MaySubscribe() == publishes || v.MayPublishData() {
				t.Errorf("grant %+v", v)
			}
			if v.RoomCreate || v.RoomList || v.RoomAdmin || v.RoomRecord || v.Hidden || !g.Guest {
				t.Errorf("the token allows more than joining: %+v", g)
			}
			if left := time.Until(g.ExpiresAt); left > 10*time.Minute {
				t.Errorf("the token is valid for %v", left)
			}
			if !strings.Contains(string(g.RoomConfig), `"maxParticipants":2`) {
				t.Errorf("room configuration %s", g.RoomConfig)
			}
		}
	}
}

func TestGuestsGetNoTokensForTestRooms(t *testing.T) {
	l, _ := open(t, t.TempDir(), lobby.Options{})
	for _, room := range []string{"connection-test-abc", "connection\u200b-test-abc", " connection-test-abc"} {
		if _, err := l.Token(room, "Ada", "192.0.2.1"); !errors.Is(err, lobby.ErrRoomReserved) {
			t.Errorf("Token for %q: %v", room, err)
		}
		if _, err := l.ConnectionDetails(lobby.Request{Room: room, Name: "Ada"}); !errors.Is(err, lobby.ErrRoomReserved) {
			t.Errorf("ConnectionDetails for %q: %v", room, err)
		}
	}
}
