package gosdk

import (
	"bytes"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

func TestSimulcastTrackArrivesWithThreeLayers(t *testing.T) {
	for name, opts := range connectModes {
		t.Run(name, func(t *testing.T) {
			room := newRoom()
			ada, bo := join(t, room, "ada", opts...), join(t, room, "bo", opts...)
			var tracks []*lksdk.LocalTrack
			for i, quality := range []livekit.VideoQuality{livekit.VideoQuality_LOW, livekit.VideoQuality_MEDIUM, livekit.VideoQuality_HIGH} {
				layer := &livekit.VideoLayer{Quality: quality, Width: 320 << i, Height: 180 << i, Bitrate: 100_000 << i}
				track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000}, lksdk.WithSimulcast("cam", layer))
				if err != nil {
					t.Fatal(err)
				}
				tracks = append(tracks, track)
			}
			if _, err := ada.LocalParticipant.PublishSimulcastTrack(tracks, &lksdk.TrackPublicationOptions{Name: "cam", Source: livekit.TrackSource_CAMERA}); err != nil {
				t.Fatal(err)
			}
			for _, track := range tracks {
				ada.sendSamples(track, keyFrame, 33*time.Millisecond)
			}
			bo.awaitPackets("cam")
			layers := bo.GetParticipantByIdentity("ada").TrackPublications()[0].TrackInfo().GetLayers()
			if len(layers) != 3 {
				t.Errorf("the track has %d layers", len(layers))
			}
		})
	}
}

// A sample that the SDK has encrypted arrives unchanged. The server announces the trailer that marks its own,
// unencrypted frames.
func TestEncryptedMediaPassesUnchanged(t *testing.T) {
	key, err := lksdk.DeriveKeyFromString("our secret")
	if err != nil {
		t.Fatal(err)
	}
	for name, opts := range connectModes {
		t.Run(name, func(t *testing.T) {
			room := newRoom()
			ada, bo := join(t, room, "ada", opts...), join(t, room, "bo", opts...)
			plain := append([]byte{0xf8}, bytes.Repeat([]byte("sound"), 20)...)
			sealed, err := lksdk.EncryptGCMAudioSample(plain, key, 0)
			if err != nil {
				t.Fatal(err)
			}
			track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000})
			if err != nil {
				t.Fatal(err)
			}
			_, err = ada.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{
				Name: "mic", Source: livekit.TrackSource_MICROPHONE, Encryption: livekit.Encryption_GCM,
			})
			if err != nil {
				t.Fatal(err)
			}
			ada.sendSamples(track, sealed, 20*time.Millisecond)
			bo.awaitPackets("mic")
			info := bo.GetParticipantByIdentity("ada").TrackPublications()[0].TrackInfo()
			if info.GetEncryption() != livekit.Encryption_GCM {
				t.Errorf("the track is shown as %v", info.GetEncryption())
			}
			if len(bo.SifTrailer()) == 0 {
				t.Error("the server announces no trailer of its own frames")
			}
			var got []byte
			bo.locked(func() { got = bo.payload["mic"] })
			if opened, err := lksdk.DecryptGCMAudioSample(got, key, bo.SifTrailer()); err != nil || !bytes.Equal(opened, plain) {
				t.Errorf("received the sample %q, %v", opened, err)
			}
		})
	}
}
