package server_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"meet/internal/client"
	"meet/internal/token"
	"meet/test/harness"
)

// Different spellings of a room's name in tokens and requests denote one room.
func TestRoomNameSpellingsInTokensAndRequestsDenoteOneRoom(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	for _, tc := range []struct{ given, again, name string }{
		{" sp ", "sp\u200b", "sp"},
		{"cafe\u0301", "caf\u00e9", "caf\u00e9"},
		{"a\u00a0\u00a0b", "a b", "a b"},
	} {
		made, err := s.rooms.CreateRoom(ctx, &livekit.CreateRoomRequest{
			Name: tc.given, Egress: &livekit.RoomEgress{Room: &livekit.RoomCompositeEgressRequest{RoomName: tc.again}},
		})
		if err != nil || made.Name != tc.name {
			t.Fatalf("%+q is created as %v, %v; want %+q", tc.given, made, err, tc.name)
		}
		again, err := s.rooms.CreateRoom(ctx, &livekit.CreateRoomRequest{Name: tc.again})
		if err != nil || again.Sid != made.Sid {
			t.Errorf("%+q is another room: %v, %v", tc.again, again, err)
		}
		s.joinRoom(ctx, tc.again, "ada", client.Options{})
		calls := s.roomService(allGrants(tc.again, "other"+tc.given))
		list, err := calls.ListRooms(ctx, &livekit.ListRoomsRequest{Names: []string{tc.given, tc.again, "none"}})
		if err != nil || len(list.Rooms) != 1 || list.Rooms[0].Name != tc.name || list.Rooms[0].NumParticipants != 1 {
			t.Errorf("%+q is listed as %v, %v", tc.given, list, err)
		}
		if _, err := calls.UpdateRoomMetadata(ctx, &livekit.UpdateRoomMetadataRequest{Room: tc.given, Metadata: "m"}); err != nil {
			t.Errorf("token for %+q, request for %+q: %v", tc.again, tc.given, err)
		}
		if _, err := calls.ForwardParticipant(ctx, &livekit.ForwardParticipantRequest{Room: tc.given, Identity: "ada", DestinationRoom: "other" + tc.given + " "}); err != nil {
			t.Errorf("forward from %+q: %v", tc.given, err)
		}
		if _, err := calls.MoveParticipant(ctx, &livekit.MoveParticipantRequest{Room: tc.given, Identity: "ada", DestinationRoom: "other" + tc.given}); err != nil {
			t.Errorf("move from %+q: %v", tc.given, err)
		}
		dispatch := livekit.NewAgentDispatchServiceProtobufClient(s.URL(), s.bearerClient(allGrants(tc.given, "")))
		ordered, err := dispatch.CreateDispatch(ctx, &livekit.CreateAgentDispatchRequest{Room: tc.again, AgentName: "bot"})
		if err != nil || ordered.Room != tc.name {
			t.Errorf("dispatch to %+q: %v, %v", tc.again, ordered, err)
		}
		if _, err := calls.DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: tc.given}); err != nil {
			t.Errorf("delete %+q: %v", tc.given, err)
		}
		harness.Eventually(ctx, t, "the room is gone", func() bool { return !slices.Contains(s.roomNames(ctx), tc.name) })
	}
}

// No server API creates a room whose name the web pages would refuse.
func TestRoomNamesThatPagesRefuseAreInvalid(t *testing.T) {
	s := newServer(t)
	dispatch := livekit.NewAgentDispatchServiceProtobufClient(s.URL(), s.bearerClient(allGrants("\u202eabc", "")))
	_, err := dispatch.CreateDispatch(t.Context(), &livekit.CreateAgentDispatchRequest{Room: "\u202eabc"})
	wantTwirpError(t, err, twirp.InvalidArgument, "cannot be shown")
	for room, says := range map[string]string{
		"\u202eabc": "cannot be shown", "a\u2068b\u2069": "cannot be shown", "\uf8ff": "cannot be shown", ".": "cannot be shown",
		"\u200b": "no character that can be seen", " \u3164 ": "no character that can be seen", "  ": "missing",
		strings.Repeat("\u00e9", 129): "longer than 256 bytes",
	} {
		_, err := s.rooms.CreateRoom(t.Context(), &livekit.CreateRoomRequest{Name: room})
		wantTwirpError(t, err, twirp.InvalidArgument, says)
	}
	able := s.tokenWith("", token.VideoGrant{RoomCreate: true})
	a := s.send(http.MethodPost, "/twirp/livekit.RoomService/CreateRoom", inJSON, able, []byte(`{"name":"a\ud800"}`))
	if code, _ := a.twirpError(t); code != "malformed" {
		t.Errorf("half a surrogate pair: %d %s", a.status, a.body)
	}
	if list, err := s.rooms.ListRooms(t.Context(), &livekit.ListRoomsRequest{}); err != nil || len(list.Rooms) != 0 {
		t.Errorf("rooms %v, %v", list, err)
	}
}
