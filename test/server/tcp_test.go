package server_test

import (
	"context"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
	"meet/test/harness"
)

// browser describes a client that supports ICE over TCP, as browsers do.
var browser = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: "2.23.0", Protocol: 17, Browser: "Chrome"}

// A client that can use only TCP exchanges media and data with a client that uses UDP.
func TestClientWithoutUDPUsesTCP(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		overTCP := o
		overTCP.ClientInfo = browser
		overTCP.SettingEngine = func(e *webrtc.SettingEngine) {
			e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
		}
		bo := s.join(ctx, "bo", overTCP)
		mic, cam := ada.publishBoth(ctx)
		theirMic, theirCam := bo.publishBoth(ctx)
		harness.Eventually(ctx, t, "media arrives in both directions", func() bool {
			return bo.receives(mic.SID(), 20) && bo.receives(cam.SID(), 20) && ada.receives(theirMic.SID(), 20) && ada.receives(theirCam.SID(), 20)
		})
		if err := bo.PublishData(ctx, livekit.DataPacket_RELIABLE, userPacket("over TCP")); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "data arrives", func() bool { return len(ada.dataPackets()) == 1 })
	})
}

// userPacket returns a data packet with a text.
func userPacket(text string) *livekit.DataPacket {
	return &livekit.DataPacket{Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte(text)}}}
}
