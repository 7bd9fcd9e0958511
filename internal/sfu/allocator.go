package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meet/internal/sfu/forward"
	"meet/internal/sfu/pacer"
)

const (
	// allocationInterval is the minimum time between two divisions of the estimate. The feedback that causes the
	// divisions arrives about as often.
	allocationInterval = 100 * time.Millisecond
	// videoShare is the share of the estimate that is divided among video. The remainder is for retransmissions and for
	// bitrates that rise before they are measured.
	videoShare = 0.95
	// When the path is congested, tracks are lowered far enough that the queue on the path drains within drainTime. At
	// most maxDrainShare of the estimate is reserved for that. If tracks were lowered step by step, each step would
	// send a key frame into the full queue.
	drainTime, maxDrainShare = time.Second, 0.5
	// If the sent bitrate exceeds abandonFactor times the estimate, a layer that is too large is stopped immediately.
	// Otherwise it is sent until the key frame of the smaller layer arrives, because most of its packets still reach
	// the subscriber.
	abandonFactor = 1.3
	// A track that was lowered is not raised again for holdoffMin, unless there is ample bandwidth (holdoffOverride).
	// If it is lowered again within holdoffMemory, that wait doubles, up to holdoffMax.
	holdoffMin, holdoffMax = 2 * time.Second, 16 * time.Second
	holdoffMemory          = 10 * time.Second
	// If no padding can be sent to probe the path, a track is raised on trial when there was no congestion for
	// trialWait. During trialTime, the estimate must then grow enough for the higher layer. After each trial the wait
	// doubles, up to maxTrialWait.
	trialWait, maxTrialWait = 4 * time.Second, time.Minute
	trialTime               = 3 * time.Second
)

// Allocator divides the bandwidth estimate of one subscriber's connection among the video tracks sent on it. Audio
// takes no part and is always sent. It runs in the goroutines that call Divide, Add and SetBitrateCap, and never blocks
// them.
type Allocator struct {
	pacer *pacer.Pacer
	// onPause is called after video was paused or resumed for lack of bandwidth. It must not block.
	onPause func(changed []PauseChange)
	// neverPause is set if video must not be paused. The lowest layer is then always sent.
	neverPause bool

	bitrateCap   atomic.Int64 // upper bound of the estimate in bits/s; 0: none
	dividing     atomic.Bool  // a goroutine is in Divide
	lastDivision atomic.Int64 // Unix ns; 0 makes the next Divide run

	mu          sync.Mutex
	allocations []*allocation // replaced on change, never modified

	// The fields below are used only inside Divide.
	requests   []request     // of the tracks in measured, in the same order
	measured   []*allocation // tracks with a measured bitrate, highest priority first
	unmeasured []*allocation // tracks whose bitrate has not been measured yet
	indexes    []int         // the option chosen for each request
	trial      trial
}

// PauseChange reports that a DownTrack's video was paused for lack of bandwidth (Paused is true), or resumed (Paused is
// false).
type PauseChange struct {
	Track  *DownTrack
	Paused bool
}

// allocation holds the Allocator's state of one track.
type allocation struct {
	track    *DownTrack
	priority atomic.Int32
	starved  atomic.Bool // gets less than the subscriber wants

	// The fields below are used only inside Divide.
	options       []layerOption
	allowedKnown  bool           // allowed has been set at least once
	allowed       forward.Target // the layers that were allowed last
	lastDowngrade time.Time
	holdoff       time.Duration // how long the track may not be raised after lastDowngrade
	holdoffUntil  time.Time
}

// trial is an attempt to send a higher layer although it is not known whether the path carries it.
type trial struct {
	ends  time.Time     // zero if no trial runs
	extra int           // bits/s added to the estimate
	wait  time.Duration // time from the end of this trial to the next
	next  time.Time     // when the next trial may start; zero if none is planned
}

// NewAllocator returns the Allocator of the connection that tap belongs to. If neverPause is set, video is never
// paused. onPause is called after each pause and after each resumption of video. It must not block.
func NewAllocator(tap *Tap, neverPause bool, onPause func([]PauseChange)) *Allocator {
	a := &Allocator{pacer: tap.pacer, neverPause: neverPause, onPause: onPause}
	tap.pacer.OnChange(a.Divide)
	return a
}

// Add lets d have a part of the bandwidth until Remove is called. It ignores audio.
func (a *Allocator) Add(d *DownTrack) {
	if !d.video {
		return
	}
	a.mu.Lock()
	a.allocations = append(slices.Clone(a.allocations), &allocation{track: d})
	a.mu.Unlock()
	a.lastDivision.Store(0) // divide immediately
	a.Divide(time.Now())
}

// Remove excludes d from the division of bandwidth.
func (a *Allocator) Remove(d *DownTrack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.allocations = slices.DeleteFunc(slices.Clone(a.allocations), func(s *allocation) bool { return s.track == d })
}

// SetPriority makes d get higher layers before tracks with a smaller priority. The default is 0.
func (a *Allocator) SetPriority(d *DownTrack, priority int) {
	if s := a.allocation(d); s != nil {
		s.priority.Store(int32(priority))
	}
}

// Starved reports whether the subscriber gets fewer layers of d than it wants, for lack of bandwidth.
func (a *Allocator) Starved(d *DownTrack) bool {
	s := a.allocation(d)
	return s != nil && s.starved.Load()
}

// allocation returns the allocation of d, or nil if d was not added.
func (a *Allocator) allocation(d *DownTrack) *allocation {
	for _, s := range a.snapshot() {
		if s.track == d {
			return s
		}
	}
	return nil
}

// snapshot returns the current allocations. The caller must not modify the slice.
func (a *Allocator) snapshot() []*allocation {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.allocations
}

// SetBitrateCap caps the estimate at bitrate (bits/s); 0 removes the cap.
func (a *Allocator) SetBitrateCap(bitrate int) {
	a.bitrateCap.Store(int64(bitrate))
	a.lastDivision.Store(0)
	a.Divide(time.Now())
}

// capped returns capacity with the bitrate cap applied to its estimate.
func (a *Allocator) capped(capacity pacer.Capacity) pacer.Capacity {
	if limit := int(a.bitrateCap.Load()); limit > 0 && (!capacity.Known || capacity.Bitrate > limit) {
		return pacer.Capacity{Bitrate: limit, AtCapacity: true, Known: true} // without DelayStable and HasFeedback, so that no probe or trial looks for more
	}
	return capacity
}

// Divide allocates the estimate to the tracks. It does nothing if the last division is more recent than
// allocationInterval, or if another goroutine is in Divide.
func (a *Allocator) Divide(now time.Time) {
	if now.UnixNano()-a.lastDivision.Load() < int64(allocationInterval) || !a.dividing.CompareAndSwap(false, true) {
		return
	}
	a.lastDivision.Store(now.UnixNano())
	defer a.dividing.Store(false)
	allocations := a.snapshot()
	if len(allocations) == 0 {
		return
	}
	capacity := a.capped(a.pacer.Capacity(now))
	a.collectRequests(allocations, capacity, now)
	var changed []PauseChange
	if !capacity.Known {
		for _, s := range a.measured {
			changed = s.setAllowed(allLayers, changed)
			s.starved.Store(false)
		}
	} else {
		left := int(videoShare * float64(capacity.Bitrate))
		if len(a.requests) > 0 {
			changed, left = a.allowMeasured(capacity, now)
		}
		a.allowUnmeasured(left)
	}
	if len(changed) > 0 {
		a.onPause(changed)
	}
}

// collectRequests divides the tracks that the subscriber wants into measured and unmeasured ones. It builds the
// requests of the measured tracks, those with the highest priority first.
func (a *Allocator) collectRequests(allocations []*allocation, capacity pacer.Capacity, now time.Time) {
	a.requests, a.measured, a.unmeasured = a.requests[:0], a.measured[:0], a.unmeasured[:0]
	for _, s := range allocations {
		wanted, r := s.track.wantedLayers()
		if wanted.Spatial < 0 {
			continue
		}
		shortTerm, longTerm := r.bitrates(now), r.longTermBitrates(now)
		if s.options = layerOptions(&shortTerm, &longTerm, wanted, s.options); len(s.options) > 0 {
			a.measured = append(a.measured, s)
		} else if !s.allowedKnown {
			a.unmeasured = append(a.unmeasured, s)
		}
	}
	slices.SortStableFunc(a.measured, func(x, y *allocation) int { return int(y.priority.Load()) - int(x.priority.Load()) })
	for _, s := range a.measured {
		c := request{options: s.options, priority: int(s.priority.Load()), current: s.currentOption(), heldOff: now.Before(s.holdoffUntil), atCapacity: capacity.AtCapacity}
		// Video is paused only if the path is known to be at capacity, or if it is paused already.
		c.mayPause = !a.neverPause && (capacity.AtCapacity || c.current == currentPaused)
		a.requests = append(a.requests, c)
	}
}

// startSpatial is the highest spatial layer that an unmeasured track may send if there is no bandwidth left for more.
const startSpatial = 1

// allowUnmeasured allows layers for the tracks that have not been measured. unused is the bandwidth in bits/s that the
// measured tracks do not use. As long as it exceeds pacer.StartBitrate, the next track may send all its layers, and
// pacer.StartBitrate is subtracted. All other tracks may send layers up to startSpatial.
func (a *Allocator) allowUnmeasured(unused int) {
	for _, s := range a.unmeasured {
		spatial := startSpatial
		if unused > pacer.StartBitrate {
			spatial = MaxLayers - 1
			unused -= pacer.StartBitrate
		}
		s.track.SetAllowed(spatial, MaxTemporals-1)
	}
}

// allowMeasured allows layers for the measured tracks, and starts probes and trials. changed contains the tracks that
// were paused or resumed. left is the unused bandwidth in bits/s.
func (a *Allocator) allowMeasured(capacity pacer.Capacity, now time.Time) (changed []PauseChange, left int) {
	budget := int(videoShare * float64(capacity.Bitrate))
	a.indexes, left = divide(budget+a.trial.extra, 0, a.requests, a.indexes)
	if capacity.Queue > 0 && anyDowngrade(a.requests, a.indexes) {
		drain := int(float64(capacity.Bitrate) * min(capacity.Queue.Seconds()/drainTime.Seconds(), maxDrainShare))
		a.indexes, left = divide(budget+a.trial.extra, drain, a.requests, a.indexes)
	}
	wanted, peaks, given, sent := 0, 0, 0, 0
	var padder *DownTrack
	for i, s := range a.measured {
		c, at := &a.requests[i], a.indexes[i]
		top := len(c.options) - 1
		wanted += c.options[top].cost
		peaks += c.options[top].peak
		to := noLayers
		if at >= 0 {
			given += c.options[at].cost
			to = c.options[at].Target
		}
		if at == top {
			to.Temporal = MaxTemporals - 1
			if left > max(c.options[top].cost, pacer.StartBitrate) {
				to = allLayers // there is bandwidth for a layer that starts before it is measured
			}
		}
		if c.current >= 0 {
			sent += c.options[c.current].cost
		}
		if at < c.current {
			s.noteDowngrade(now)
		}
		s.starved.Store(at < top)
		changed = s.setAllowed(to, changed)
		if padder == nil && capacity.HasFeedback && s.track.canSendProbePadding() {
			padder = s.track
		}
	}
	if capacity.Queue > 0 && float64(sent) > abandonFactor*float64(capacity.Bitrate) {
		for _, s := range a.measured {
			s.track.abandon()
		}
	}
	if given < wanted && padder != nil {
		a.pacer.Probe(peaks, now, padder.sendProbePadding)
	}
	a.updateTrial(capacity, given < wanted && padder == nil, now)
	return changed, left
}

// currentOption returns the index of the option that was allowed last. It returns currentPaused if the track was
// paused, and currentUnknown if no layers were allowed yet.
func (s *allocation) currentOption() int {
	switch {
	case !s.allowedKnown:
		return currentUnknown
	case s.allowed.Spatial < 0:
		return currentPaused
	}
	held := 0
	for i, l := range s.options {
		if l.Spatial < s.allowed.Spatial || l.Spatial == s.allowed.Spatial && l.Temporal <= s.allowed.Temporal {
			held = i
		}
	}
	return held
}

// noteDowngrade starts the hold-off after the track was lowered.
func (s *allocation) noteDowngrade(now time.Time) {
	if now.Sub(s.lastDowngrade) < holdoffMemory {
		s.holdoff = min(2*s.holdoff, holdoffMax)
	} else {
		s.holdoff = holdoffMin
	}
	s.lastDowngrade, s.holdoffUntil = now, now.Add(s.holdoff)
}

// setAllowed allows layers up to target. If that pauses or resumes the video, it appends a PauseChange to changed. It
// returns changed.
func (s *allocation) setAllowed(target forward.Target, changed []PauseChange) []PauseChange {
	if s.allowedKnown && target == s.allowed {
		return changed
	}
	was := s.allowedKnown && s.allowed.Spatial < 0
	s.allowedKnown, s.allowed = true, target
	s.track.SetAllowed(target.Spatial, target.Temporal)
	if is := target.Spatial < 0; is != was {
		changed = append(changed, PauseChange{s.track, is})
	}
	return changed
}

// updateTrial manages trials. During a trial, one more layer is sent although the estimate may not carry it. updateTrial
// ends the current trial if there is congestion or if its time has passed. It starts the next trial when that is due, but
// only if useful is set. useful means that more layers are wanted than allowed, and that the path cannot be probed with
// padding.
func (a *Allocator) updateTrial(capacity pacer.Capacity, useful bool, now time.Time) {
	t := &a.trial
	if !capacity.DelayStable {
		if !t.ends.IsZero() {
			t.wait = min(2*t.wait, maxTrialWait)
		}
		*t = trial{wait: max(t.wait, trialWait), next: now.Add(max(t.wait, trialWait))}
		return
	}
	switch {
	case !t.ends.IsZero() && now.After(t.ends):
		*t = trial{wait: min(2*t.wait, maxTrialWait), next: now.Add(t.wait)}
	case !t.ends.IsZero() || !useful:
	case t.next.IsZero():
		*t = trial{wait: trialWait, next: now.Add(trialWait)}
	case now.After(t.next):
		for i, at := range a.indexes {
			if options := a.requests[i].options; at+1 < len(options) {
				t.extra, t.ends = int(float64(options[at+1].cost)*(1+resumeMargin)), now.Add(trialTime)
				return
			}
		}
	}
}
