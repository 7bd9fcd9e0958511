package gosdk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/twitchtv/twirp"
)

// The SDK's API clients send protobuf, not JSON.
func TestServerAPIsAnswerProtobufRequestsOfTheSDK(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	url := "http" + strings.TrimPrefix(server.url, "ws")
	api := lksdk.NewRoomServiceClient(url, server.key, server.secret)
	refused := func(err error, code twirp.ErrorCode) {
		t.Helper()
		var e twirp.Error
		if !errors.As(err, &e) || e.Code() != code {
			t.Errorf("error %v, want %s", err, code)
		}
	}
	here, there := newRoom(), newRoom()
	made, err := api.CreateRoom(ctx, &livekit.CreateRoomRequest{Name: here, Metadata: "m", EmptyTimeout: 30})
	if err != nil || made.Name != here || made.Metadata != "m" || made.EmptyTimeout != 30 {
		t.Fatalf("made %v, %v", made, err)
	}
	rooms, err := api.ListRooms(ctx, &livekit.ListRoomsRequest{Names: []string{here}})
	if err != nil || len(rooms.Rooms) != 1 || rooms.Rooms[0].Sid != made.Sid {
		t.Errorf("rooms %v, %v", rooms, err)
	}
	ada, bo, cy := join(t, here, "ada"), join(t, here, "bo"), join(t, there, "cy")
	mic := ada.publish("ada-mic", webrtc.MimeTypeOpus, livekit.TrackSource_MICROPHONE)
	bo.awaitPackets("ada-mic")
	people, err := api.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: here})
	if err != nil || len(people.Participants) != 2 || !slices.ContainsFunc(people.Participants, func(p *livekit.ParticipantInfo) bool { return p.Identity == "ada" && len(p.Tracks) == 1 }) {
		t.Errorf("people %v, %v", people, err)
	}
	muted, err := api.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{Room: here, Identity: "ada", TrackSid: mic.SID(), Muted: true})
	if err != nil || !muted.Track.GetMuted() {
		t.Errorf("muted %v, %v", muted, err)
	}
	bo.await(func() string {
		if !bo.muted["ada-mic"] {
			return "ada's microphone to be muted"
		}
		return ""
	})
	_, err = api.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{Room: here, Identity: "ada", TrackSid: mic.SID()})
	refused(err, twirp.FailedPrecondition)
	mic.SetMuted(false)
	changed, err := api.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{Room: here, Identity: "bo", Name: "Bo", Metadata: "b"})
	if err != nil || changed.Name != "Bo" || changed.Metadata != "b" {
		t.Errorf("changed %v, %v", changed, err)
	}
	if _, err := api.SendData(ctx, &livekit.SendDataRequest{Room: here, Data: []byte("hello"), Kind: livekit.DataPacket_RELIABLE}); err != nil {
		t.Error(err)
	}
	ada.awaitData(": hello")

	if _, err := api.MoveParticipant(ctx, &livekit.MoveParticipantRequest{Room: here, Identity: "ada", DestinationRoom: there}); err != nil {
		t.Fatal(err)
	}
	cy.awaitPackets("ada-mic")
	cy.await(func() string {
		if p := cy.GetParticipantByIdentity("ada"); p == nil {
			return "ada in the room of cy"
		}
		return ""
	})
	ada.await(func() string {
		if name := ada.Name(); name != there && updatesRoomName {
			return fmt.Sprintf("the room name %s at ada, not %s", there, name)
		}
		return ""
	})
	if _, err := api.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: here, Identity: "bo"}); err != nil {
		t.Error(err)
	}
	_, err = api.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: here, Identity: "bo"})
	refused(err, twirp.NotFound)
	if _, err := api.DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: there}); err != nil {
		t.Error(err)
	}
	_, err = lksdk.NewRoomServiceClient(url, server.key, "another").ListRooms(ctx, &livekit.ListRoomsRequest{})
	refused(err, twirp.Unauthenticated)
	egress, err := lksdk.NewEgressClient(url, server.key, server.secret).ListEgress(ctx, &livekit.ListEgressRequest{})
	if err != nil || len(egress.Items) != 0 {
		t.Errorf("egress %v, %v", egress, err)
	}
}

// The server subscribes a participant to a track and forwards a participant to another room.
func TestServerAPIsSubscribeAndForwardParticipants(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	api := lksdk.NewRoomServiceClient("http"+strings.TrimPrefix(server.url, "ws"), server.key, server.secret)
	here, there := newRoom(), newRoom()
	ada, cy := join(t, here, "ada"), join(t, there, "cy")
	dee := join(t, here, "dee", lksdk.WithAutoSubscribe(false))
	mic := ada.publish("ada-mic", webrtc.MimeTypeOpus, livekit.TrackSource_MICROPHONE)

	if _, err := api.UpdateSubscriptions(ctx, &livekit.UpdateSubscriptionsRequest{Room: here, Identity: "dee", TrackSids: []string{mic.SID()}, Subscribe: true}); err != nil {
		t.Fatal(err)
	}
	dee.awaitPackets("ada-mic")
	seen, err := api.GetParticipant(ctx, &livekit.RoomParticipantIdentity{Room: here, Identity: "ada"})
	if err != nil || len(seen.Tracks) != 1 || seen.Tracks[0].Sid != mic.SID() {
		t.Errorf("ada is %v, %v", seen, err)
	}
	if _, err := api.ForwardParticipant(ctx, &livekit.ForwardParticipantRequest{Room: here, Identity: "ada", DestinationRoom: there}); err != nil {
		t.Fatal(err)
	}
	cy.awaitPackets("ada-mic")
	changed, err := api.UpdateRoomMetadata(ctx, &livekit.UpdateRoomMetadataRequest{Room: here, Metadata: "news"})
	if err != nil || changed.Metadata != "news" {
		t.Errorf("changed %v, %v", changed, err)
	}
	dee.await(func() string {
		if m := dee.Metadata(); m != "news" {
			return "the metadata news at dee, not " + m
		}
		return ""
	})
}
