package gosdk

import (
	"fmt"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

func newRoom() string { return fmt.Sprintf("gosdk-%d", time.Now().UnixNano()) }

func TestSDKParticipantsReceiveTracksAndDataOfEachOther(t *testing.T) {
	for name, opts := range connectModes {
		t.Run(name, func(t *testing.T) {
			room := newRoom()
			ada, bo := join(t, room, "ada", opts...), join(t, room, "bo", opts...)
			mic := ada.publish("ada-mic", webrtc.MimeTypeOpus, livekit.TrackSource_MICROPHONE)
			ada.publish("ada-cam", webrtc.MimeTypeVP8, livekit.TrackSource_CAMERA)
			bo.publish("bo-mic", webrtc.MimeTypeOpus, livekit.TrackSource_MICROPHONE)
			bo.publish("bo-cam", webrtc.MimeTypeVP8, livekit.TrackSource_CAMERA)
			bo.awaitPackets("ada-mic", "ada-cam")
			ada.awaitPackets("bo-mic", "bo-cam")

			// A participant that joins later receives the existing tracks.
			cy := join(t, room, "cy", opts...)
			cy.awaitPackets("ada-mic", "ada-cam", "bo-mic", "bo-cam")

			for _, reliable := range []bool{true, false} {
				text := fmt.Sprintf("reliable %v", reliable)
				err := ada.LocalParticipant.PublishDataPacket(
					&lksdk.UserDataPacket{Payload: []byte(text), Topic: "test"}, lksdk.WithDataPublishReliable(reliable))
				if err != nil {
					t.Fatal(err)
				}
				bo.awaitData("ada: " + text)
				cy.awaitData("ada: " + text)
			}

			for _, muted := range []bool{true, false} {
				mic.SetMuted(muted)
				bo.await(func() string {
					if bo.muted["ada-mic"] != muted {
						return fmt.Sprintf("ada's microphone to be muted: %v", muted)
					}
					return ""
				})
			}

			if canUnpublish {
				if err := ada.LocalParticipant.UnpublishTrack(mic.SID()); err != nil {
					t.Fatal(err)
				}
				bo.await(func() string {
					if n := len(bo.GetParticipantByIdentity("ada").TrackPublications()); n != 1 {
						return fmt.Sprintf("one publication of ada, there are %d", n)
					}
					return ""
				})
			}

			ada.Disconnect()
			bo.await(func() string {
				if len(bo.disconnected) == 0 {
					return "that ada has left"
				}
				return ""
			})
		})
	}
}

func TestTokenSignedByAnotherKeyIsRefused(t *testing.T) {
	_, err := lksdk.ConnectToRoom(server.url, lksdk.ConnectInfo{
		APIKey: server.key, APISecret: "another-secret-another-secret-1234", RoomName: "refused", ParticipantIdentity: "eve",
	}, nil)
	if err == nil {
		t.Fatal("joined with a token signed by somebody else")
	}
}
