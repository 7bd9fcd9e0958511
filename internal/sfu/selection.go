package sfu

import (
	"time"

	"meet/internal/sfu/forward"
)

var (
	allLayers = forward.Target{Spatial: MaxLayers - 1, Temporal: MaxTemporals - 1}
	noLayers  = forward.Target{Spatial: -1, Temporal: -1}
)

// selection is which layers of a track the subscriber gets.
type selection struct {
	wanted            forward.Target // by the subscriber
	allowed           forward.Target // by its bandwidth
	target            forward.Target // the lesser of the two
	keyFrameRequested time.Time      // last key frame request while waiting for one
}

// SetWanted sets what the subscriber wants: nothing (enabled false), or layers up to the ones given.
func (d *DownTrack) SetWanted(enabled bool, spatial, temporal int) {
	wanted := noLayers
	if enabled {
		wanted = forward.Target{Spatial: max(0, min(spatial, MaxLayers-1)), Temporal: max(0, min(temporal, MaxTemporals-1))}
	}
	d.setTarget(&d.selection.wanted, wanted)
}

// SetAllowed sets what the subscriber's bandwidth allows: layers up to the ones given, nothing with spatial -1.
func (d *DownTrack) SetAllowed(spatial, temporal int) {
	allowed := noLayers
	if spatial >= 0 {
		allowed = forward.Target{Spatial: min(spatial, MaxLayers-1), Temporal: max(0, min(temporal, MaxTemporals-1))}
	}
	d.setTarget(&d.selection.allowed, allowed)
}

// Current returns up to which layers is forwarded, spatial -1 when nothing is.
func (d *DownTrack) Current() (spatial, temporal int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.fwd.Current()
	return now.Spatial, now.Temporal
}

func (d *DownTrack) setTarget(which *forward.Target, value forward.Target) {
	d.mu.Lock()
	before := d.selection.target
	*which = value
	s := &d.selection
	s.target = forward.Target{Spatial: min(s.wanted.Spatial, s.allowed.Spatial), Temporal: min(s.wanted.Temporal, s.allowed.Temporal)}
	after, r := s.target.Spatial, d.receiver
	paused := after < 0
	if paused {
		d.fwd.Pause()
	}
	d.mu.Unlock()
	if d.video && before.Spatial < 0 && !paused {
		r.requestFirstKeyFrame(after)
	}
}

// abandon stops a layer that is better than what is allowed before the allowed one has begun: on a path that is full
// many times over, what still came of it would be lost and hold up what comes in its place.
func (d *DownTrack) abandon() {
	d.mu.Lock()
	wanted, r := d.selection.target.Spatial, d.receiver
	abandons := wanted >= 0 && d.fwd.Layer() > wanted
	if abandons {
		d.fwd.Pause()
	}
	d.mu.Unlock()
	if abandons {
		r.requestFirstKeyFrame(wanted)
	}
}

// A key frame that is waited for is asked for again after two round trips, within these bounds (docs/protocol.md,
// 12.1). The layer has a throttle of its own.
const minKeyFrameRetry, maxKeyFrameRetry = 200 * time.Millisecond, time.Second

// askKeyFrameLocked asks for a key frame of p's stream, unless the answer to the last request may be under way.
func (d *DownTrack) requestKeyFrameLocked(p *Packet) {
	if p.Arrival.Sub(d.selection.keyFrameRequested) < max(minKeyFrameRetry, min(2*d.reports.roundTrip, maxKeyFrameRetry)) {
		return
	}
	d.selection.keyFrameRequested = p.Arrival
	d.receiver.requestKeyFrame(p.Layer, p.Arrival)
}

// wish returns what the subscriber wants of the track, and the Receiver that feeds it.
func (d *DownTrack) wantedLayers() (forward.Target, *Receiver) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.selection.wanted, d.receiver
}
