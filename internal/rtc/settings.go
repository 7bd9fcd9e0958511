package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

const (
	// debounceDelay is the time for which changed settings wait for further changes (docs/protocol.md, 4). A user who
	// drags a window's edge changes them with every frame, and each change of layer costs a key frame.
	debounceDelay = 100 * time.Millisecond
	// frameRateInterval is the interval at which the temporal layer for a wanted frame rate is chosen again. Frame
	// rates are measured over about 1 s.
	frameRateInterval = 2 * time.Second
)

// updateSettings stores and applies the client's settings for receiving tracks. The request may name tracks that do
// not exist yet.
func (sb *subscribing) updateSettings(u *livekit.UpdateTrackSettings) {
	stored := &livekit.UpdateTrackSettings{
		Disabled: u.Disabled, Quality: u.Quality, Width: u.Width, Height: u.Height, Fps: u.Fps, Priority: u.Priority,
	}
	for _, sid := range u.TrackSids {
		if sb.settings[sid] != nil || sb.mayStoreChoice(sid, len(sb.settings)) {
			sb.settings[sid] = stored
		}
		if s := sb.subscriptions[sid]; s != nil {
			s.debounceSettings(stored)
			s.prioritize()
		}
	}
}

// debounceSettings applies settings immediately if they enable the track, and otherwise after debounceDelay.
func (s *Subscription) debounceSettings(u *livekit.UpdateTrackSettings) {
	if !s.enabled && !u.Disabled {
		s.applySettings(u)
		return
	}
	s.applyAfter(debounceDelay)
}

// applyAfter applies the stored settings after the time d. If an earlier timer is already running, the settings are
// applied when that timer fires. Settings that change continuously thus take effect too.
func (s *Subscription) applyAfter(d time.Duration) {
	due := time.Now().Add(d)
	if s.applyTimer != nil {
		if !s.applyDue.After(due) {
			return
		}
		s.applyTimer.Stop()
	}
	s.applyDue = due
	var timer *time.Timer
	p, sid := s.subscriber, s.pub.info.Sid
	timer = p.room.after(d, func() {
		if s.applyTimer != timer {
			return // the timer fired while it was being stopped
		}
		s.applyTimer = nil
		if u := p.subscribing.settings[sid]; s.state != subscriptionEnded && u != nil {
			s.applySettings(u)
		}
	})
	s.applyTimer = timer
}

// applySettings configures the DownTrack according to the client's settings.
func (s *Subscription) applySettings(u *livekit.UpdateTrackSettings) {
	if u == nil {
		return
	}
	s.enabled, s.wanted = !u.Disabled, wantedLayer(s.pub.info, u)
	temporal := sfu.MaxTemporals - 1
	if u.Fps > 0 && s.enabled {
		if s.currentCodec != nil && s.currentCodec.receiver != nil {
			temporal = temporalLayerFor(s.currentCodec.receiver.FrameRates(), s.wanted, float32(u.Fps))
		}
		s.applyAfter(frameRateInterval) // choose again later, because the publisher's frame rate may change
	}
	s.down.SetWanted(s.enabled, s.wanted, temporal)
	s.pub.owner.room.dirtyDemand[s.pub] = true
}

// stopApplyTimer stops the timer after which settings would be applied.
func (s *Subscription) stopApplyTimer() {
	if s.applyTimer != nil {
		s.applyTimer.Stop()
		s.applyTimer = nil
	}
}

// wantedLayer returns the index of the smallest layer that covers about nine tenths of the size at which the client
// shows the track. If the client has sent no size, it returns the layer of the quality that the client wants
// (docs/protocol.md, 4). The highest announced layer is a special case: wantedLayer then returns the highest
// possible index, because the number of layers is not known before media arrives.
func wantedLayer(info *livekit.TrackInfo, u *livekit.UpdateTrackSettings) int {
	layers := sortedLayers(info.Layers)
	top := len(layers) - 1
	wanted := 0
	if u.Width > 0 && u.Height > 0 {
		for wanted < top && layers[wanted].Width*10 < u.Width*9 && layers[wanted].Height*10 < u.Height*9 {
			wanted++
		}
	} else {
		for i, l := range layers {
			if l.Quality <= u.Quality {
				wanted = i
			}
		}
		if len(layers) == 0 {
			wanted = int(u.Quality)
		}
	}
	if wanted >= top && top >= 0 {
		return sfu.MaxLayers - 1
	}
	return wanted
}

// temporalLayerFor returns the highest temporal layer whose frame rate is at most fps plus 10 %, or the lowest temporal
// layer if there is none. It uses the frame rates of one spatial layer: the highest one up to maxSpatial whose frame
// rate has been measured. Without measurements it returns the highest temporal layer.
func temporalLayerFor(rates sfu.FrameRates, maxSpatial int, fps float32) int {
	const most = sfu.MaxTemporals - 1
	for n := min(maxSpatial, sfu.MaxLayers-1); n >= 0; n-- {
		if rates[n][most] == 0 {
			continue
		}
		for t := most; t > 0; t-- {
			if rates[n][t] <= fps*1.1 {
				return t
			}
		}
		return 0
	}
	return most
}
