package rtc

import (
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

func TestVideoLayerIsChosenByTheSizeThatTheSubscriberShows(t *testing.T) {
	const top = sfu.MaxLayers - 1
	layers := func(heights ...uint32) *livekit.TrackInfo {
		info := &livekit.TrackInfo{}
		for i, h := range heights {
			info.Layers = append(info.Layers, &livekit.VideoLayer{Quality: livekit.VideoQuality(i), Width: h * 16 / 9, Height: h, SpatialLayer: int32(i)})
		}
		return info
	}
	three := layers(180, 360, 720)
	for _, tt := range []struct {
		name string
		info *livekit.TrackInfo
		u    *livekit.UpdateTrackSettings
		want int
	}{
		{"thumbnail", three, &livekit.UpdateTrackSettings{Width: 160, Height: 90}, 0},
		{"slightly larger than the smallest layer", three, &livekit.UpdateTrackSettings{Width: 340, Height: 190}, 0},
		{"tile", three, &livekit.UpdateTrackSettings{Width: 600, Height: 340}, 1},
		{"full screen", three, &livekit.UpdateTrackSettings{Width: 1920, Height: 1080}, top},
		{"low quality", three, &livekit.UpdateTrackSettings{Quality: livekit.VideoQuality_LOW}, 0},
		{"medium quality", three, &livekit.UpdateTrackSettings{Quality: livekit.VideoQuality_MEDIUM}, 1},
		{"high quality", three, &livekit.UpdateTrackSettings{Quality: livekit.VideoQuality_HIGH}, top},
		{"a single layer", layers(720), &livekit.UpdateTrackSettings{Width: 160, Height: 90}, top},
		{"high quality of two layers", layers(180, 360), &livekit.UpdateTrackSettings{Quality: livekit.VideoQuality_HIGH}, top},
		{"low quality of two layers", layers(180, 360), &livekit.UpdateTrackSettings{Quality: livekit.VideoQuality_LOW}, 0},
		{"unknown layers", layers(), &livekit.UpdateTrackSettings{Quality: livekit.VideoQuality_MEDIUM}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wantedLayer(tt.info, tt.u); got != tt.want {
				t.Errorf("layer %d, want %d", got, tt.want)
			}
		})
	}
}

func TestTemporalLayerIsChosenWithinTheRequestedFrameRate(t *testing.T) {
	const most = sfu.MaxTemporals - 1
	camera := [sfu.MaxTemporals]float32{7.4, 15.1, 30.2, 30.2}
	plain := [sfu.MaxTemporals]float32{30, 30, 30, 30}
	for _, tt := range []struct {
		name   string
		rates  sfu.FrameRates
		wanted int
		fps    float32
		want   int
	}{
		{"full rate", sfu.FrameRates{camera}, 0, 30, most},
		{"above half the rate", sfu.FrameRates{camera}, 0, 20, 1},
		{"exactly half the rate", sfu.FrameRates{camera}, 0, 15, 1},
		{"above a quarter of the rate", sfu.FrameRates{camera}, 0, 10, 0},
		{"below the lowest rate", sfu.FrameRates{camera}, 0, 1, 0},
		{"rates of a lower layer that sends", sfu.FrameRates{camera, plain}, 2, 20, 0},
		{"nothing measured", sfu.FrameRates{}, 2, 5, most},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := temporalLayerFor(tt.rates, tt.wanted, tt.fps); got != tt.want {
				t.Errorf("temporal layer %d, want %d", got, tt.want)
			}
		})
	}
}

func TestTrackSettingsAreDebouncedUnlessTheyEnableTheTrack(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	pub := ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	sid := pub.info.Sid
	ada.inspect(func(*Participant) {
		for i := range 3 {
			pub.info.Layers = append(pub.info.Layers, &livekit.VideoLayer{Quality: livekit.VideoQuality(i), Width: 320 << i, Height: 180 << i})
		}
	})
	set := func(u *livekit.UpdateTrackSettings) {
		u.TrackSids = []string{sid}
		bo.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: u}})
	}
	is := func(enabled bool, wanted int) (yes bool) {
		bo.inspect(func(p *Participant) {
			s := p.subscribing.subscriptions[sid]
			yes = s != nil && s.enabled == enabled && (wanted < 0 || s.wanted == wanted)
		})
		return yes
	}
	began := time.Now()
	set(&livekit.UpdateTrackSettings{Width: 1280, Height: 720})
	set(&livekit.UpdateTrackSettings{Width: 300, Height: 170})
	set(&livekit.UpdateTrackSettings{Width: 600, Height: 340})
	if is(true, 1) && time.Since(began) < debounceDelay/2 {
		t.Error("a change took effect before the debounce delay had passed")
	}
	eventually(t, "the last change takes effect", func() bool { return is(true, 1) })
	set(&livekit.UpdateTrackSettings{Disabled: true})
	eventually(t, "nothing is forwarded", func() bool { return is(false, -1) })
	set(&livekit.UpdateTrackSettings{Width: 300, Height: 170})
	if !is(true, 0) {
		t.Error("enabling the track was delayed")
	}
	// A delayed change is dropped when the subscription ends.
	set(&livekit.UpdateTrackSettings{Width: 600, Height: 340})
	var s *Subscription
	bo.inspect(func(p *Participant) { s = p.subscribing.subscriptions[sid] })
	bo.choose(sid, false)
	bo.inspect(func(*Participant) {
		if s.applyTimer != nil {
			t.Error("the timer still runs after the subscription has ended")
		}
	})
}
