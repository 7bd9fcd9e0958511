package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
	"meet/internal/token"
	"meet/test/harness"
	"meet/test/measure"
)

// requestedQuality returns the highest quality of a track in the latest SubscribedQualityUpdate, or OFF. ok is false if
// g has received none.
func requestedQuality(g *testClient, sid string) (top livekit.VideoQuality, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.messages {
		u := m.GetSubscribedQualityUpdate()
		if u.GetTrackSid() != sid {
			continue
		}
		ok, top = true, livekit.VideoQuality_OFF
		for _, q := range u.SubscribedCodecs[0].Qualities {
			if q.Enabled {
				top = q.Quality
			}
		}
		// All qualities up to the top one must be enabled.
		for i, q := range u.SubscribedQualities {
			if q.Quality != livekit.VideoQuality(i) || q.Enabled != (top != livekit.VideoQuality_OFF && q.Quality <= top) {
				g.t.Errorf("qualities %v", u.SubscribedQualities)
			}
		}
	}
	return top, ok
}

// qualityRequested returns a condition that is true if the server last requested this quality of a track from g.
func (g *testClient) qualityRequested(sid string, want livekit.VideoQuality) func() bool {
	return func() bool { top, ok := requestedQuality(g, sid); return ok && top == want }
}

func TestUnwatchedLayersAreNotRequested(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		cam, err := ada.Publish(ctx, client.PublishOptions{
			MimeType: webrtc.MimeTypeVP8, Width: 1280, Height: 720,
			Layers: []client.Layer{
				{RID: "q", Quality: livekit.VideoQuality_LOW, Width: 320, Height: 180},
				{RID: "h", Quality: livekit.VideoQuality_MEDIUM, Width: 640, Height: 360},
				{RID: "f", Quality: livekit.VideoQuality_HIGH, Width: 1280, Height: 720},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		sendSamples(ctx, t, cam, vp8KeyFrame, 33*time.Millisecond)
		harness.Eventually(ctx, t, "without subscribers no quality is requested", ada.qualityRequested(cam.SID(), livekit.VideoQuality_OFF))

		bo := s.join(ctx, "bo", o)
		harness.Eventually(ctx, t, "a new subscriber makes the server request all qualities", ada.qualityRequested(cam.SID(), livekit.VideoQuality_HIGH))
		harness.Eventually(ctx, t, "the subscriber receives video", func() bool { return bo.receives(cam.SID(), 10) })

		settings := &livekit.UpdateTrackSettings{TrackSids: []string{cam.SID()}, Width: 600, Height: 340}
		if err := bo.UpdateTrackSettings(settings); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "a small tile needs the middle layer", ada.qualityRequested(cam.SID(), livekit.VideoQuality_MEDIUM))
		settings.Width, settings.Height = 1280, 720
		if err := bo.UpdateTrackSettings(settings); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "a large tile needs all layers", ada.qualityRequested(cam.SID(), livekit.VideoQuality_HIGH))
	})
}

// The server turns the track off within 10 s after its last viewer unsubscribes, disables it, leaves or is moved. It
// turns the track on for the next viewer. After a resume the server states again that no quality is requested. The
// publisher's connection quality is not LOST, although it sends nothing while the track is off.
func TestTrackIsTurnedOffWhenItsLastViewerStops(t *testing.T) {
	for name, stop := range map[string]func(ctx context.Context, s *server, bo *testClient, sid string) error{
		"unsubscribes": func(_ context.Context, _ *server, bo *testClient, sid string) error {
			return bo.SetSubscribed(false, sid)
		},
		"disables": func(_ context.Context, _ *server, bo *testClient, sid string) error {
			return bo.UpdateTrackSettings(&livekit.UpdateTrackSettings{TrackSids: []string{sid}, Disabled: true})
		},
		"leaves": func(_ context.Context, _ *server, bo *testClient, _ string) error { return bo.Close() },
		"is moved": func(ctx context.Context, s *server, _ *testClient, _ string) error {
			_, err := s.rooms.MoveParticipant(ctx, &livekit.MoveParticipantRequest{Room: "room", Identity: "bo", DestinationRoom: "other"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
			defer cancel()
			ada, bo := s.join(ctx, "ada", client.Options{}), s.join(ctx, "bo", client.Options{})
			cam, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeVP8, Width: 640, Height: 360})
			if err != nil {
				t.Fatal(err)
			}
			isOff := ada.qualityRequested(cam.SID(), livekit.VideoQuality_OFF)
			sendSamplesWhile(ctx, t, cam, vp8KeyFrame, 33*time.Millisecond, func() bool { return !isOff() })
			harness.Eventually(ctx, t, "bo receives video", func() bool { return bo.receives(cam.SID(), 10) })
			stopped := time.Now()
			if err := stop(ctx, s, bo, cam.SID()); err != nil {
				t.Fatal(err)
			}
			harness.Eventually(ctx, t, "the track is turned off", isOff)
			measure.Within(t, "the track is turned off", time.Since(stopped), 10*time.Second)
			ada.mu.Lock()
			ada.messages = nil
			ada.mu.Unlock()
			ada.DropSignal()
			if err := ada.Resume(ctx); err != nil {
				t.Fatalf("resume: %v", err)
			}
			harness.Eventually(ctx, t, "the track is turned off after a resume, too", isOff)

			cy := s.join(ctx, "cy", client.Options{}, func(g *token.VideoGrant) { g.Hidden = true })
			harness.Eventually(ctx, t, "a hidden viewer turns the track on", ada.qualityRequested(cam.SID(), livekit.VideoQuality_HIGH))
			harness.Eventually(ctx, t, "the subscriber receives video", func() bool { return cy.receives(cam.SID(), 10) })
			if q, _ := cy.quality(ada); q == livekit.ConnectionQuality_LOST {
				t.Error("ada's connection counts as lost")
			}
		})
	}
}
