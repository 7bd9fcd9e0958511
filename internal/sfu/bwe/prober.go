package bwe

import "time"

const (
	// probeTime is how long a probe is sent at least: several times the grain of timers, and short enough for the queue of
	// a path that does not carry it to hold it. At a low rate it takes as long as probePackets of padding take.
	minProbeDuration = 30 * time.Millisecond
	minProbeBits     = 8 * 250 * 8 // bits
	// A probe tries this multiple of the estimate: more while nothing is known, less than a doubling later, when the
	// pictures of others depend on the path.
	firstProbeFactor, probeFactor = 3.0, 2.0
	// probeBeyond is how much more than is wanted needs to be proven: what the division keeps in hand, key frames included.
	wantedFactor = 1.5
	// probeProven is the share of a probe's rate which the estimate has to reach for the next to follow at once.
	provenProbeShare = 0.7
	// probeAnswer is how long the answer to a probe may take.
	probeTimeout = time.Second
	// After a failure a probe waits, longer each time. The longest wait bounds how late a path that has recovered is
	// noticed.
	probeWait, maxProbeWait = time.Second, 3 * time.Second
	// probeCalm is how long the delay must not have grown before one.
	congestionWait = 500 * time.Millisecond
)

// Probe is a burst to send at a rate, in bits/s, for a time.
type Probe struct {
	ID       uint8
	Rate     int
	Duration time.Duration
}

// Prober decides when to probe for more. Its caller guards it.
type Prober struct {
	id          uint8
	pendingRate float64   // rate of the probe whose answer is awaited; 0 when none is
	deadline    time.Time // of the answer
	next        time.Time // not before
	wait        time.Duration
	succeeded   bool // some probe has
}

// Due returns a probe to send now, if it is time for one: when more is wanted, in bits/s, than e estimates.
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

// judge looks at what became of the latest probe and reports whether it has ended.
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

func (p *Prober) postpone(until time.Time) {
	if until.After(p.next) {
		p.next = until
	}
}
