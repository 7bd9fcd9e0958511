package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

const (
	// debounceDelay is how long changed settings wait for the next change: a user who drags a window's edge changes them
	// with every picture, and each change of layer costs a key frame (docs/protocol.md, 4).
	debounceDelay = 100 * time.Millisecond
	// frameRateInterval is how often the temporal layer for a wanted frame rate is looked up again. Rates are measured
	// over about a second.
	frameRateInterval = 2 * time.Second
)

// updateSettings notes how tracks are to be received. It may name tracks that do not exist yet.
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

// change applies settings: at once if they enable the track, else when they have settled.
func (s *Subscription) debounceSettings(u *livekit.UpdateTrackSettings) {
	if !s.enabled && !u.Disabled {
		s.applySettings(u)
		return
	}
	s.applyAfter(debounceDelay)
}

// applyAfter applies the settings at the end of d, or earlier if a timer is running that ends before, so that settings
// that never stop changing take effect too.
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
			return // the timer fired while it was stopped
		}
		s.applyTimer = nil
		if u := p.subscribing.settings[sid]; s.state != subscriptionEnded && u != nil {
			s.applySettings(u)
		}
	})
	s.applyTimer = timer
}

// apply turns the client's settings into what the DownTrack forwards.
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
		s.applyAfter(frameRateInterval) // the publisher's frame rate may change
	}
	s.down.SetWanted(s.enabled, s.wanted, temporal)
	s.pub.owner.room.dirtyDemand[s.pub] = true
}

// stopApplyTimer stops the timer.
func (s *Subscription) stopApplyTimer() {
	if s.applyTimer != nil {
		s.applyTimer.Stop()
		s.applyTimer = nil
	}
}

// wantedLayer returns the smallest layer that covers about nine tenths of the size the client shows, else the one of the
// quality it asks for (docs/protocol.md, 4). The highest announced layer stands for all above, because it is not known
// before media comes how many there are.
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

// temporalLayerFor returns the highest temporal layer with which a layer up to wanted has no more than fps, plus a tenth; all
// temporal layers while nothing has been measured.
func temporalLayerFor(rates sfu.FrameRates, wanted int, fps float32) int {
	const most = sfu.MaxTemporals - 1
	for n := min(wanted, sfu.MaxLayers-1); n >= 0; n-- {
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
