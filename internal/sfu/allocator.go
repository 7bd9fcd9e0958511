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
	// allocationInterval is the least time between two divisions: feedback comes as often.
	allocationInterval = 100 * time.Millisecond
	// allocatable is the share of the estimate that video is given. The rest is for retransmissions and for rates that
	// rise before they are measured.
	videoShare = 0.95
	// A track that has to fall because the path is full falls so far that what waits there is gone in drainTime, with at
	// most drainMost of the estimate. Without that it falls in steps, each of which costs a key frame into a full queue.
	drainTime, maxDrainShare = time.Second, 0.5
	// overloaded is how many times the estimate must be sent for a better layer to be stopped at once: with less most of it
	// still arrives until the lesser one begins.
	abandonFactor = 1.3
	// A track that fell is not raised again for restLeast unless there is clearly room, and longer each time it has to
	// fall again within restMemory.
	holdoffMin, holdoffMax = 2 * time.Second, 16 * time.Second
	holdoffMemory          = 10 * time.Second
	// Where nothing can be sent to try the path with, a track is raised on trial after trialWait without a queue, and has
	// trialTime to show that it is carried. The wait doubles after each failure.
	trialWait, maxTrialWait = 4 * time.Second, time.Minute
	trialTime               = 3 * time.Second
)

// Allocator divides what one subscriber's connection carries among the video it receives. Sound is not divided: it goes
// out in any case. It works when feedback comes and each second; nothing of it waits.
type Allocator struct {
	pacer *pacer.Pacer
	// paused is called when pictures of tracks were paused or are resumed. It must not block.
	onPause func(changed []PauseChange)
	// keeps is set when pictures may not be paused.
	neverPause bool

	bitrateCap   atomic.Int64 // bits/s; 0: none
	dividing     atomic.Bool  // a division is under way
	lastDivision atomic.Int64

	mu          sync.Mutex
	allocations []*allocation // copied on change

	// The rest belongs to the division.
	requests   []request
	measured   []*allocation
	unmeasured []*allocation // have not been measured yet
	indexes    []int
	trial      trial
}

// PauseChange says that a DownTrack's picture was paused for want of bandwidth, or goes on.
type PauseChange struct {
	Track  *DownTrack
	Paused bool
}

// share is the part of the estimate that one track gets.
type allocation struct {
	track    *DownTrack
	priority atomic.Int32
	starved  atomic.Bool // gets less than it wants

	// The rest belongs to the division.
	options       []layerOption
	allowedKnown  bool           // allowed has been set at least once
	allowed       forward.Target // as last set
	lastDowngrade time.Time
	holdoff       time.Duration
	holdoffUntil  time.Time
}

// trial is a rise to a better layer without knowing whether the path carries it.
type trial struct {
	ends  time.Time // zero while there is none
	extra int       // bits/s beyond the budget
	wait  time.Duration
	next  time.Time
}

// NewAllocator makes the Allocator of the connection behind tap. With keeps set, pictures are never paused. changed is
// called after each pause and resumption, and must not block.
func NewAllocator(tap *Tap, keeps bool, changed func([]PauseChange)) *Allocator {
	a := &Allocator{pacer: tap.pacer, neverPause: keeps, onPause: changed}
	tap.pacer.OnChange(a.Divide)
	return a
}

// Add includes d in the division from now on, unless it is sound.
func (a *Allocator) Add(d *DownTrack) {
	if !d.video {
		return
	}
	a.mu.Lock()
	a.allocations = append(slices.Clone(a.allocations), &allocation{track: d})
	a.mu.Unlock()
	a.lastDivision.Store(0) // a new track does not wait for its turn
	a.Divide(time.Now())
}

// Remove leaves d out of the division from now on.
func (a *Allocator) Remove(d *DownTrack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.allocations = slices.DeleteFunc(slices.Clone(a.allocations), func(s *allocation) bool { return s.track == d })
}

// SetPriority lets d get its layers before tracks of a lower priority. The priority of a track is 0 until it is set.
func (a *Allocator) SetPriority(d *DownTrack, priority int) {
	if s := a.allocation(d); s != nil {
		s.priority.Store(int32(priority))
	}
}

// Starved reports whether the subscriber gets less of d than it wants, for want of bandwidth.
func (a *Allocator) Starved(d *DownTrack) bool {
	s := a.allocation(d)
	return s != nil && s.starved.Load()
}

func (a *Allocator) allocation(d *DownTrack) *allocation {
	for _, s := range a.snapshot() {
		if s.track == d {
			return s
		}
	}
	return nil
}

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

// limited returns known with the cap applied to the estimate.
func (a *Allocator) capped(known pacer.Capacity) pacer.Capacity {
	if limit := int(a.bitrateCap.Load()); limit > 0 && (!known.Known || known.Bitrate > limit) {
		return pacer.Capacity{Bitrate: limit, AtCapacity: true, Known: true} // neither calm nor answering, or it would be tried whether there is more
	}
	return known
}

// Divide divides the estimate among the tracks again, unless that has just been done or is being done.
func (a *Allocator) Divide(now time.Time) {
	if now.UnixNano()-a.lastDivision.Load() < int64(allocationInterval) || !a.dividing.CompareAndSwap(false, true) {
		return
	}
	a.lastDivision.Store(now.UnixNano())
	defer a.dividing.Store(false)
	shares := a.snapshot()
	if len(shares) == 0 {
		return
	}
	known := a.capped(a.pacer.Capacity(now))
	a.collectRequests(shares, known, now)
	var changed []PauseChange
	if !known.Known {
		for _, s := range a.measured {
			changed = s.setAllowed(allLayers, changed)
			s.starved.Store(false)
		}
	} else {
		left := int(videoShare * float64(known.Bitrate))
		if len(a.requests) > 0 {
			changed, left = a.allowMeasured(known, now)
		}
		a.allowUnmeasured(left)
	}
	if len(changed) > 0 {
		a.onPause(changed)
	}
}

// claim collects the tracks to divide among, the highest priority first.
func (a *Allocator) collectRequests(shares []*allocation, known pacer.Capacity, now time.Time) {
	a.requests, a.measured, a.unmeasured = a.requests[:0], a.measured[:0], a.unmeasured[:0]
	for _, s := range shares {
		wanted, r := s.track.wantedLayers()
		if wanted.Spatial < 0 {
			continue
		}
		brief, lasting := r.bitrates(now), r.longTermBitrates(now)
		if s.options = layerOptions(&brief, &lasting, wanted, s.options); len(s.options) > 0 {
			a.measured = append(a.measured, s)
		} else if !s.allowedKnown {
			a.unmeasured = append(a.unmeasured, s)
		}
	}
	slices.SortStableFunc(a.measured, func(x, y *allocation) int { return int(y.priority.Load()) - int(x.priority.Load()) })
	for _, s := range a.measured {
		c := request{options: s.options, priority: int(s.priority.Load()), current: s.currentOption(), heldOff: now.Before(s.holdoffUntil), atCapacity: known.AtCapacity}
		// To take somebody's picture away needs proof that there is no room for it.
		c.mayPause = !a.neverPause && (known.AtCapacity || c.current == currentPaused)
		a.requests = append(a.requests, c)
	}
}

// startSpatial is the highest layer forwarded of a track that has not been measured yet, where there is no room for more.
const startSpatial = 1

// begin sets what may be forwarded of the tracks that have not been measured yet, of what the others left, in bits/s.
func (a *Allocator) allowUnmeasured(left int) {
	for _, s := range a.unmeasured {
		spatial := startSpatial
		if left > pacer.StartBitrate {
			spatial = MaxLayers - 1
			left -= pacer.StartBitrate
		}
		s.track.SetAllowed(spatial, MaxTemporals-1)
	}
}

// divide sets what may be forwarded of the tracks that have been measured, and returns what is left, in bits/s.
func (a *Allocator) allowMeasured(known pacer.Capacity, now time.Time) (changed []PauseChange, left int) {
	budget := int(videoShare * float64(known.Bitrate))
	a.indexes, left = divide(budget+a.trial.extra, 0, a.requests, a.indexes)
	if known.Queue > 0 && anyDowngrade(a.requests, a.indexes) {
		drain := int(float64(known.Bitrate) * min(known.Queue.Seconds()/drainTime.Seconds(), maxDrainShare))
		a.indexes, left = divide(budget+a.trial.extra, drain, a.requests, a.indexes)
	}
	wanted, peaks, given, sent := 0, 0, 0, 0
	var pads *DownTrack
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
				to = allLayers // room for a layer that is only about to be sent
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
		if pads == nil && known.HasFeedback && s.track.canSendProbePadding() {
			pads = s.track
		}
	}
	if known.Queue > 0 && float64(sent) > abandonFactor*float64(known.Bitrate) {
		for _, s := range a.measured {
			s.track.abandon()
		}
	}
	if given < wanted && pads != nil {
		a.pacer.Probe(peaks, now, pads.sendProbePadding)
	}
	a.updateTrial(known, given < wanted && pads == nil, now)
	return changed, left
}

// held is the index of the level that was allowed last.
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

// fall notes that the track has to do with less.
func (s *allocation) noteDowngrade(now time.Time) {
	if now.Sub(s.lastDowngrade) < holdoffMemory {
		s.holdoff = min(2*s.holdoff, holdoffMax)
	} else {
		s.holdoff = holdoffMin
	}
	s.lastDowngrade, s.holdoffUntil = now, now.Add(s.holdoff)
}

// allow sets what may be forwarded, and adds a pause or its end to changed.
func (s *allocation) setAllowed(to forward.Target, changed []PauseChange) []PauseChange {
	if s.allowedKnown && to == s.allowed {
		return changed
	}
	was := s.allowedKnown && s.allowed.Spatial < 0
	s.allowedKnown, s.allowed = true, to
	s.track.SetAllowed(to.Spatial, to.Temporal)
	if is := to.Spatial < 0; is != was {
		changed = append(changed, PauseChange{s.track, is})
	}
	return changed
}

// attempt raises one track on trial where the path cannot be tried otherwise, and ends trials.
func (a *Allocator) updateTrial(known pacer.Capacity, wanting bool, now time.Time) {
	t := &a.trial
	if !known.DelayStable {
		if !t.ends.IsZero() {
			t.wait = min(2*t.wait, maxTrialWait)
		}
		*t = trial{wait: max(t.wait, trialWait), next: now.Add(max(t.wait, trialWait))}
		return
	}
	switch {
	case !t.ends.IsZero() && now.After(t.ends):
		*t = trial{wait: min(2*t.wait, maxTrialWait), next: now.Add(t.wait)}
	case !t.ends.IsZero() || !wanting:
	case t.next.IsZero():
		*t = trial{wait: trialWait, next: now.Add(trialWait)}
	case now.After(t.next):
		for i, at := range a.indexes {
			if levels := a.requests[i].options; at+1 < len(levels) {
				t.extra, t.ends = int(float64(levels[at+1].cost)*(1+resumeMargin)), now.Add(trialTime)
				return
			}
		}
	}
}
