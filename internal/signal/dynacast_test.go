package signal_test

import (
	"context"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
)

// demanded is the highest quality ada was last told to send of track sid; ok is false before the first word.
func demanded(g *guest, sid string) (top livekit.VideoQuality, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.messages {
		u := m.GetSubscribedQualityUpdate()
		if u.GetTrackSid() != sid {
			continue
		}
		ok = true
		for _, q := range u.SubscribedCodecs[0].Qualities {
			if q.Enabled {
				top = q.Quality
			}
		}
		// Enabled must be everything up to the top.
		for i, q := range u.SubscribedQualities {
			if q.Quality != livekit.VideoQuality(i) || q.Enabled != (q.Quality <= top) {
				g.t.Errorf("qualities %v", u.SubscribedQualities)
			}
		}
	}
	return top, ok
}

func TestLayersNobodyWatchesAreNotAskedFor(t *testing.T) {
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
		play(ctx, t, cam, keyFrame, 33*time.Millisecond)
		is := func(want livekit.VideoQuality) func() bool {
			return func() bool { top, ok := demanded(ada, cam.SID()); return ok && top == want }
		}
		eventually(ctx, t, "alone, the smallest layer is enough", is(livekit.VideoQuality_LOW))

		bo := s.join(ctx, "bo", o)
		eventually(ctx, t, "somebody who wants all gets all", is(livekit.VideoQuality_HIGH))
		eventually(ctx, t, "and receives it", func() bool { return bo.receives(cam.SID(), 10) })

		settings := &livekit.UpdateTrackSettings{TrackSids: []string{cam.SID()}, Width: 600, Height: 340}
		if err := bo.UpdateTrackSettings(settings); err != nil {
			t.Fatal(err)
		}
		eventually(ctx, t, "a small tile needs the middle layer", is(livekit.VideoQuality_MEDIUM))
		settings.Width, settings.Height = 1280, 720
		if err := bo.UpdateTrackSettings(settings); err != nil {
			t.Fatal(err)
		}
		eventually(ctx, t, "a large one all", is(livekit.VideoQuality_HIGH))
	})
}
