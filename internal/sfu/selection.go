package sfu

import (
	"time"

	"meet/internal/sfu/forward"
)

// allLayers selects all layers of a track. noLayers selects none.
var (
	allLayers = forward.Target{Spatial: MaxLayers - 1, Temporal: MaxTemporals - 1}
	noLayers  = forward.Target{Spatial: -1, Temporal: -1}
)

// selection holds the layers of a track that the subscriber gets.
type selection struct {
	wanted            forward.Target // by the subscriber
	allowed           forward.Target // by the subscriber's bandwidth
	target            forward.Target // the lower of wanted and allowed
	keyFrameRequested time.Time      // time of the latest request while waiting for a key frame
}

// SetWanted sets the layers that the subscriber wants: those up to spatial and temporal, or none if enabled is false.
func (d *DownTrack) SetWanted(enabled bool, spatial, temporal int) {
	wanted := noLayers
	if enabled {
		wanted = forward.Target{Spatial: max(0, min(spatial, MaxLayers-1)), Temporal: max(0, min(temporal, MaxTemporals-1))}
	}
	d.setTarget(&d.selection.wanted, wanted)
}

// SetAllowed sets the layers that the subscriber's bandwidth allows: those up to spatial and temporal, or none if
// spatial is -1.
func (d *DownTrack) SetAllowed(spatial, temporal int) {
	allowed := noLayers
	if spatial >= 0 {
		allowed = forward.Target{Spatial: min(spatial, MaxLayers-1), Temporal: max(0, min(temporal, MaxTemporals-1))}
	}
	d.setTarget(&d.selection.allowed, allowed)
}

// Current returns the highest layers that are forwarded. If none are, spatial is -1.
func (d *DownTrack) Current() (spatial, temporal int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.fwd.Current()
	return now.Spatial, now.Temporal
}

// setTarget stores value in limit, which must point to selection.wanted or selection.allowed. It then updates
// selection.target.
func (d *DownTrack) setTarget(limit *forward.Target, value forward.Target) {
	d.mu.Lock()
	before := d.selection.target
	*limit = value
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

// abandon stops forwarding immediately if the forwarded layer is above the allowed one. It does not wait for the key
// frame of the allowed layer. It is for a path that is far over its capacity: further packets of the higher layer would
// be lost, and would delay those of the allowed layer.
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

// A DownTrack repeats a key frame request after two round-trip times, but after at least minKeyFrameRetry and at most
// maxKeyFrameRetry (docs/protocol.md, 12.1). In addition, each layer limits how often a request is sent to the
// publisher.
const minKeyFrameRetry, maxKeyFrameRetry = 200 * time.Millisecond, time.Second

// requestKeyFrameLocked requests a key frame of p's layer. It does nothing if the key frame of the previous request may
// still arrive.
func (d *DownTrack) requestKeyFrameLocked(p *Packet) {
	if p.Arrival.Sub(d.selection.keyFrameRequested) < max(minKeyFrameRetry, min(2*d.reports.roundTrip, maxKeyFrameRetry)) {
		return
	}
	d.selection.keyFrameRequested = p.Arrival
	d.receiver.requestKeyFrame(p.Layer, p.Arrival)
}

// wantedLayers returns the layers that the subscriber wants. It also returns the track's Receiver.
func (d *DownTrack) wantedLayers() (forward.Target, *Receiver) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.selection.wanted, d.receiver
}
