package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"
	"google.golang.org/protobuf/proto"

	"meet/internal/client"
	"meet/internal/token"
	"meet/test/harness"
)

func TestRoomIsCreatedListedAndDeletedByTheAPI(t *testing.T) {
	got, receives := webhookReceiver(t)
	s := newServer(t, receives)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	made, err := s.rooms.CreateRoom(ctx, &livekit.CreateRoomRequest{
		Name: "room", EmptyTimeout: 60, DepartureTimeout: 7, MaxParticipants: 1, Metadata: "m", NodeId: "ND_x", Tags: map[string]string{"a": "b"},
		Egress: &livekit.RoomEgress{Room: &livekit.RoomCompositeEgressRequest{RoomName: "room"}}, MinPlayoutDelay: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(made.Sid, "RM_") || made.Name != "room" || made.EmptyTimeout != 60 || made.DepartureTimeout != 7 ||
		made.MaxParticipants != 1 || made.Metadata != "m" || made.CreationTime == 0 || made.CreationTimeMs == 0 || len(made.EnabledCodecs) == 0 {
		t.Errorf("made %v", made)
	}
	again, err := s.rooms.CreateRoom(ctx, &livekit.CreateRoomRequest{Name: "room", Metadata: "another"})
	if err != nil || !proto.Equal(made, again) {
		t.Errorf("the second call returned %v, %v; want the first room", again, err)
	}
	if _, err := s.rooms.CreateRoom(ctx, &livekit.CreateRoomRequest{Name: "blue"}); err != nil {
		t.Fatal(err)
	}
	list := func(names ...string) []string {
		t.Helper()
		l, err := s.rooms.ListRooms(ctx, &livekit.ListRoomsRequest{Names: names})
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, r := range l.Rooms {
			found = append(found, r.Name)
		}
		return found
	}
	if all := list(); !slices.Equal(all, []string{"blue", "room"}) {
		t.Errorf("rooms %v", all)
	}
	if some := list("room", "none"); !slices.Equal(some, []string{"room"}) {
		t.Errorf("rooms of two names %v", some)
	}

	// Participants join the created room, so its limit applies.
	ada := s.join(ctx, "ada", client.Options{})
	if _, err := client.Join(ctx, s.SocketURL(), s.tokenWith("bo", token.VideoGrant{RoomJoin: true, Room: "room"}), client.Options{}); err == nil {
		t.Error("a second participant joined a room with max_participants 1")
	}
	if _, err := s.rooms.DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: "room"}); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(ctx, t, "ada gets a Leave", func() bool {
		return ada.hasMessage(func(m *livekit.SignalResponse) bool {
			return m.GetLeave().GetReason() == livekit.DisconnectReason_ROOM_DELETED
		})
	})
	harness.Eventually(ctx, t, "the room is gone", func() bool { return !slices.Contains(list(), "room") })
	_, err = s.rooms.DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: "room"})
	wantTwirpError(t, err, twirp.NotFound, "room does not exist")
	// The order of events is guaranteed only within a room.
	harness.Eventually(ctx, t, "a webhook of the room arrives", func() bool { return got.firstOf("room") != nil })
	if first := got.firstOf("room"); first.Event != "room_started" || first.Room.Metadata != "m" {
		t.Errorf("the first event is %v", first)
	}
}

// Responses contain every field under its name in the protobuf schema. Requests may use this name or lowerCamelCase.
func TestAPIJSONUsesLiveKitsFieldNames(t *testing.T) {
	s := newServer(t)
	able := s.tokenWith("", allGrants("room", ""))
	for _, body := range []string{`{"name":"room","empty_timeout":9,"unheard_of":1}`, `{"name":"room","emptyTimeout":9}`} {
		a := s.send(http.MethodPost, "/twirp/livekit.RoomService/CreateRoom", "application/json; charset=UTF-8", able, []byte(body))
		var got map[string]any
		if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusOK || a.contentType != inJSON {
			t.Fatalf("%d %s %s %v", a.status, a.contentType, a.body, err)
		}
		if got["empty_timeout"] != 9.0 || got["num_participants"] != 0.0 || got["active_recording"] != false || got["metadata"] != "" {
			t.Errorf("fields %v", got)
		}
		if at, ok := got["creation_time"].(string); !ok || at == "" {
			t.Errorf("creation_time is %v, want a string", got["creation_time"])
		}
	}
}

func TestUpdatedRoomMetadataReachesParticipants(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		changed, err := s.rooms.UpdateRoomMetadata(ctx, &livekit.UpdateRoomMetadataRequest{Room: "room", Metadata: "new"})
		if err != nil || changed.Metadata != "new" || changed.NumParticipants != 1 {
			t.Errorf("%v, %v", changed, err)
		}
		harness.Eventually(ctx, t, "ada gets a Leave", func() bool {
			return ada.hasMessage(func(m *livekit.SignalResponse) bool { return m.GetRoomUpdate().GetRoom().GetMetadata() == "new" })
		})
	})
}
