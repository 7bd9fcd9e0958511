package bwe

import "time"

const (
	// minProbeDuration is the minimum duration of a probe. It is several times the resolution of timers. It is also so
	// short that a path whose capacity is below the probe's bitrate can queue the excess packets. At low bitrates, a
	// probe takes longer: until minProbeBits are sent.
	minProbeDuration = 30 * time.Millisecond
	minProbeBits     = 8 * 250 * 8 // eight packets of 250 bytes
	// A probe's bitrate is this multiple of the estimate: firstProbeFactor for the first one, and the smaller
	// probeFactor later, when the path already carries video.
	firstProbeFactor, probeFactor = 3.0, 2.0
	// wantedFactor is the multiple of the wanted bitrate that probes try to prove. It leaves a margin for the
	// Allocator, and for key frames.
	wantedFactor = 1.5
	// provenProbeShare is the share of a probe's bitrate that the estimate must reach for the probe to be a success.
	// The next probe may then follow immediately.
	provenProbeShare = 0.7
	// probeTimeout is the maximum time to wait for a probe's result.
	probeTimeout = time.Second
	// The wait after a failed probe starts at probeWait and doubles up to maxProbeWait, which bounds the delay until a
	// recovered path is noticed.
	probeWait, maxProbeWait = time.Second, 3 * time.Second
	// congestionWait is the time without congestion before a probe.
	congestionWait = 500 * time.Millisecond
)

// Probe describes a burst of packets to send.
type Probe struct {
	ID       uint8 // never 0
	Rate     int   // bits/s
	Duration time.Duration
}

// Prober decides when to probe for more bandwidth. The caller must serialize the calls.
type Prober struct {
	id          uint8         // of the latest probe
	pendingRate float64       // bitrate of the probe whose result is awaited; 0: none
	deadline    time.Time     // for that result
	next        time.Time     // no probe before then
	wait        time.Duration // after the latest failure; 0 after a success
	succeeded   bool          // at least one probe has succeeded
}

// Next returns the probe to start now. It returns false if none is due, or if e already estimates enough for wanted, in
// bits/s.
func (p *Prober) Next(e *Estimator, wanted int, now time.Time) (Probe, bool) {
	if count, _ := e.Feedbacks(); count == 0 {
		return Probe{}, false
	}
	estimate := float64(e.Bitrate())
	if e.Congested(now) {
		p.postpone(now.Add(congestionWait))
	}
	if !p.judge(e, estimate, now) || now.Before(p.next) || estimate >= wantedFactor*float64(wanted) {
		return Probe{}, false
	}
	factor := probeFactor
	if !p.succeeded && p.wait == 0 {
		factor = firstProbeFactor
	}
	p.pendingRate = min(factor*estimate, wantedFactor*float64(wanted))
	p.deadline = now.Add(probeTimeout)
	if p.id++; p.id == 0 {
		p.id = 1 // 0 is no probe
	}
	length := max(minProbeDuration, time.Duration(minProbeBits/p.pendingRate*float64(time.Second)))
	return Probe{ID: p.id, Rate: int(p.pendingRate), Duration: length}, true
}

// judge evaluates the latest probe if its result is known or overdue. It returns true if no probe is pending
// afterwards.
func (p *Prober) judge(e *Estimator, estimate float64, now time.Time) bool {
	switch {
	case p.pendingRate == 0:
	case estimate >= provenProbeShare*p.pendingRate:
		p.pendingRate, p.wait, p.succeeded = 0, 0, true
	case now.After(p.deadline) || !e.probing(p.id):
		p.pendingRate = 0
		p.wait = max(probeWait, min(2*p.wait, maxProbeWait))
		p.postpone(now.Add(p.wait))
	default:
		return false
	}
	return true
}

// postpone delays the next probe to earliest, if that is later than its current time.
func (p *Prober) postpone(earliest time.Time) {
	if earliest.After(p.next) {
		p.next = earliest
	}
}
