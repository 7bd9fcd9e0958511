package gosdk

import (
	"fmt"
	"testing"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

// After each kind of reconnection, both participants receive each other's audio, and nobody is listed twice.
func TestCallContinuesAfterReconnect(t *testing.T) {
	for name, opts := range connectModes {
		for what, scenario := range map[string]lksdk.SimulateScenario{
			"lost signalling": lksdk.SimulateSignalReconnect,
			"failed node":     lksdk.SimulateNodeFailure,
			"migration":       lksdk.SimulateMigration,
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				room := newRoom()
				ada, bo := join(t, room, "ada", opts...), join(t, room, "bo", opts...)
				ada.publish("ada-mic", webrtc.MimeTypeOpus, livekit.TrackSource_MICROPHONE)
				bo.publish("bo-mic", webrtc.MimeTypeOpus, livekit.TrackSource_MICROPHONE)
				bo.awaitPackets("ada-mic")
				ada.awaitPackets("bo-mic")
				bo.Simulate(scenario)
				bo.await(func() string {
					if bo.reconnections == 0 {
						return "a reconnection"
					}
					return ""
				})
				bo.awaitMorePackets("ada-mic")
				ada.awaitMorePackets("bo-mic")
				if err := bo.LocalParticipant.PublishDataPacket(lksdk.UserData([]byte("back")), lksdk.WithDataPublishReliable(true)); err != nil {
					t.Fatal(err)
				}
				ada.awaitData("bo: back")
				ada.await(func() string {
					if n := len(ada.GetRemoteParticipants()); n != 1 {
						return fmt.Sprintf("one other participant, there are %d", n)
					}
					return ""
				})
			})
		}
	}
}
