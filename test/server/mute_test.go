package server_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
	"meet/test/harness"
)

func TestMuteStopsMediaAndIsSeenByAll(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		mic, camera := ada.publishBoth(ctx)
		camSID := camera.SID()
		harness.Eventually(ctx, t, "bo receives the microphone", func() bool { return bo.receives(mic.SID(), 5) })
		muted := func(want bool) func() bool {
			return func() bool {
				i := slices.IndexFunc(bo.RemoteParticipant("ada").GetTracks(), func(t *livekit.TrackInfo) bool { return t.Sid == mic.SID() })
				return i >= 0 && bo.RemoteParticipant("ada").Tracks[i].Muted == want
			}
		}
		if err := ada.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Mute{Mute: &livekit.MuteTrackRequest{Sid: mic.SID(), Muted: true}}}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "bo sees the mute", muted(true))
		// The client keeps sending while muted, as a modified client might. Only a second of silence may arrive.
		before, cam := bo.packetCount(mic.SID()), bo.packetCount(camSID)
		harness.Eventually(ctx, t, "eighty packets of the camera arrive", func() bool { return bo.packetCount(camSID) > cam+80 })
		if got := bo.packetCount(mic.SID()) - before; got > 50+2 { // the silence, and packets in flight
			t.Errorf("%d packets of a muted track arrived", got)
		}
		if err := ada.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Mute{Mute: &livekit.MuteTrackRequest{Sid: mic.SID()}}}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "bo sees the unmute", muted(false))
		harness.Eventually(ctx, t, "audio arrives again", func() bool { return bo.packetCount(mic.SID()) > before+10 })
	})
}

// LiveKit's Go SDK detects a track by its first packet, and a muted track sends none, so the server sends one.
func TestNewSubscriberDetectsMutedTrack(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		mic, cam := ada.publishBoth(ctx)
		harness.Eventually(ctx, t, "bo receives both", func() bool { return bo.receives(mic.SID(), 5) && bo.receives(cam.SID(), 5) })
		for _, p := range []*client.Publication{mic, cam} {
			if err := p.SetMuted(true); err != nil {
				t.Fatal(err)
			}
		}
		harness.Eventually(ctx, t, "bo sees both muted", func() bool {
			tracks := bo.RemoteParticipant("ada").GetTracks()
			return len(tracks) == 2 && tracks[0].Muted && tracks[1].Muted
		})
		cy := s.join(ctx, "cy", o)
		harness.Eventually(ctx, t, "cy receives a packet of both tracks", func() bool { return cy.receives(mic.SID(), 1) && cy.receives(cam.SID(), 1) })
	})
}

func TestTrackPublishedMutedIsAnnouncedToOthers(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		mic, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus, Muted: true})
		if err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "bo sees a muted microphone", func() bool {
			tracks := bo.RemoteParticipant("ada").GetTracks()
			return len(tracks) == 1 && tracks[0].Muted && tracks[0].Sid == mic.SID()
		})
		if err := ada.Unpublish(ctx, mic); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "bo sees it unpublished", func() bool { return len(bo.RemoteParticipant("ada").GetTracks()) == 0 })
		mic, err = ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus, Muted: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := mic.SetMuted(false); err != nil {
			t.Fatal(err)
		}
		sendSamples(ctx, t, mic, []byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond)
		harness.Eventually(ctx, t, "bo hears it unmuted", func() bool { return bo.receives(mic.SID(), 5) })
	})
}
