package bwe

import "math"

const (
	backOffFactor       = 0.85     // of the received bitrate, on congestion (draft-ietf-rmcat-gcc-02, section 5.5)
	growthPerSecond     = 1.08     // while the path's capacity is unknown
	minGrowth           = 4_000    // bits/s per second, near the capacity
	provenShare         = 0.9      // of the received bitrate counts as proven, because bursts distort the measurement
	allArriveShare      = 0.7      // if this share of the sent bitrate arrives in the same period, everything arrives
	maxOvershoot        = 1.5      // times the received bitrate; a higher estimate would be a guess
	overshootExtra      = 10_000   // bits/s in addition
	frameRate           = 30.0     // assumed, to estimate the packet size
	packetBits          = 1200 * 8 // maximum packet size in bits
	responseExtra       = 100_000  // µs; added to the round-trip time for the reaction of detector and sender
	minDecreaseInterval = 10_000   // µs between two decreases: a round-trip time within these bounds
	maxDecreaseInterval = 200_000
)

// aimd is the rate controller (additive increase, multiplicative decrease). It raises the rate while the path carries
// it and lowers it when the delay grows.
type aimd struct {
	rate        float64 // bits/s
	updatedAt   int64   // µs
	decreasedAt int64   // µs
	growing     bool    // the previous feedback allowed growth
	capacity    capacity
}

// feedbackSummary holds the measurements of one feedback for the rate controller.
type feedbackSummary struct {
	usage         usage
	delivered     float64 // received bitrate, bits/s; 0 while unknown
	recent        float64 // received bitrate of the last 0.3 s, bits/s
	sent          float64 // sent bitrate of the last half second, bits/s
	appLimited    bool    // too little is sent to test the estimate
	standingQueue bool    // there is a queue on the path, whether it grows or not
	roundTrip     int64   // µs
}

// update adjusts the rate to the feedback e, received at now in µs.
func (a *aimd) update(e feedbackSummary, now int64) {
	switch e.usage {
	case overuse:
		a.decrease(e, now)
		a.growing = false
	case underuse: // a queue is draining; growth now would stop that
		a.growing = false
	case normal:
		if a.growing && !e.appLimited && !e.standingQueue {
			a.increase(e, now)
		}
		if a.growing && !e.standingQueue {
			// The path carries a bitrate that arrived without queueing.
			a.rate = max(a.rate, provenShare*min(e.delivered, e.recent))
		}
		a.growing = true
	}
	a.updatedAt = now
}

// increase raises the rate: slowly if the capacity is known, otherwise exponentially.
func (a *aimd) increase(e feedbackSummary, now int64) {
	elapsed := min(float64(now-a.updatedAt)/1e6, 1)
	if e.delivered > a.capacity.upper() {
		a.capacity = capacity{}
	}
	limit := maxOvershoot*e.delivered + overshootExtra
	if a.rate >= limit {
		return
	}
	if a.capacity.known() {
		response := float64(e.roundTrip+responseExtra) / 1e6
		frame := a.rate / frameRate
		packet := frame / math.Ceil(frame/packetBits)
		a.rate += max(minGrowth, packet/response) * elapsed
	} else {
		a.rate *= math.Pow(growthPerSecond, elapsed)
		a.rate += 1000 * elapsed
	}
	a.rate = min(a.rate, limit)
}

// decrease lowers the rate below the received bitrate, at most once per round-trip time.
func (a *aimd) decrease(e feedbackSummary, now int64) {
	pause := max(minDecreaseInterval, min(e.roundTrip, maxDecreaseInterval))
	if now-a.decreasedAt < pause && (e.recent == 0 || e.recent > a.rate/2) {
		return
	}
	a.decreasedAt = now
	if e.recent == 0 {
		a.rate /= 2
		return
	}
	rate := backOffFactor * e.recent
	switch {
	case e.appLimited && e.recent >= allArriveShare*e.sent:
		// Little is sent and all of it arrives: there is no evidence that the capacity has fallen.
		rate = max(rate, backOffFactor*a.rate)
	case rate > a.rate && a.capacity.known():
		rate = backOffFactor * a.capacity.estimate
	}
	if e.recent < a.capacity.lower() {
		a.capacity = capacity{}
	}
	if !e.appLimited {
		a.capacity.observe(e.recent)
	}
	a.rate = min(a.rate, rate)
}

// raise raises the rate to that of a successful probe.
func (a *aimd) raise(rate float64, now int64) {
	if rate > a.rate {
		a.rate, a.updatedAt = rate, now
		a.capacity = capacity{} // it has grown
	}
}

// capacity is the bitrate at which the path was last congested. Near it, growth is careful.
type capacity struct {
	estimate float64 // bits/s; 0: unknown
	variance float64 // kbit/s, relative to the estimate
}

// known reports whether the path was congested since the estimate was reset.
func (c *capacity) known() bool { return c.estimate > 0 }

// deviation returns three standard deviations in bits/s.
func (c *capacity) deviation() float64 { return 3 * math.Sqrt(c.variance*c.estimate*1000) }

// upper returns the upper bound of the capacity, infinite while unknown.
func (c *capacity) upper() float64 {
	if !c.known() {
		return math.Inf(1)
	}
	return c.estimate + c.deviation()
}

// lower returns the lower bound of the capacity, 0 while unknown.
func (c *capacity) lower() float64 {
	if !c.known() {
		return 0
	}
	return max(0, c.estimate-c.deviation())
}

// observe adds the bitrate that was received during congestion.
func (c *capacity) observe(rate float64) {
	const weight = 0.05
	if !c.known() {
		c.estimate, c.variance = rate, 0.4
		return
	}
	c.estimate += weight * (rate - c.estimate)
	off := (c.estimate - rate) / 1000
	c.variance += weight * (off*off/max(c.estimate/1000, 1) - c.variance)
	c.variance = max(0.4, min(c.variance, 2.5))
}
