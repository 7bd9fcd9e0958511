package bwe

import "math"

const (
	backOffFactor       = 0.85  // of what arrives, on congestion (draft-ietf-rmcat-gcc-02, section 5.5)
	growthPerSecond     = 1.08  // a second, while the path's capacity is unknown
	minGrowth           = 4_000 // bits/s a second, near the capacity
	provenShare         = 0.9   // of what arrives: it is measured over bursts
	allArriveShare      = 0.7   // of what is sent arriving at the same time is all of it
	maxOvershoot        = 1.5   // of what arrives; a higher estimate would be a guess
	overshootExtra      = 10_000
	frameRate           = 30.0 // assumed, to tell how large packets are
	packetBits          = 1200 * 8
	responseExtra       = 100_000 // µs from the round trip to the reaction of detector and sender
	minDecreaseInterval = 10_000  // µs between two decreases; a round trip in between
	maxDecreaseInterval = 200_000
)

// aimd is the rate controller: it grows the rate while the path carries it and cuts it when the delay grows.
type aimd struct {
	rate        float64 // bits/s
	updatedAt   int64   // latest update, µs
	decreasedAt int64
	growing     bool
	capacity    capacity
}

// evidence is what a feedback says, as the rate controller needs it.
type feedbackSummary struct {
	usage         usage
	delivered     float64 // bits/s; 0 while unknown
	recent        float64 // of that, in the last third of a second
	sent          float64 // bits/s lately
	appLimited    bool    // too little is sent to try the estimate
	standingQueue bool    // a queue is there
	roundTrip     int64   // µs
}

func (a *aimd) update(e feedbackSummary, now int64) {
	switch e.usage {
	case overuse:
		a.decrease(e, now)
		a.growing = false
	case underuse: // a queue is emptying; adding to it now would keep it
		a.growing = false
	case normal:
		if a.growing && !e.appLimited && !e.standingQueue {
			a.increase(e, now)
		}
		if a.growing && !e.standingQueue {
			// What has come through without a queue, the path carries.
			a.rate = max(a.rate, provenShare*min(e.delivered, e.recent))
		}
		a.growing = true
	}
	a.updatedAt = now
}

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
		// All of the little that is sent arrives, so the path is no narrower than before as far as anybody knows.
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

// raise takes the rate of a probe that the path has carried.
func (a *aimd) raise(rate float64, now int64) {
	if rate > a.rate {
		a.rate, a.updatedAt = rate, now
		a.capacity = capacity{} // it is wider than it was
	}
}

// capacity is the rate at which the path was last full: near it growth is careful.
type capacity struct {
	estimate float64 // bits/s; 0: unknown
	variance float64 // relative to the estimate, kbit/s
}

func (c *capacity) known() bool { return c.estimate > 0 }

// spread is three standard deviations.
func (c *capacity) deviation() float64 { return 3 * math.Sqrt(c.variance*c.estimate*1000) }

func (c *capacity) upper() float64 {
	if !c.known() {
		return math.Inf(1)
	}
	return c.estimate + c.deviation()
}

func (c *capacity) lower() float64 {
	if !c.known() {
		return 0
	}
	return max(0, c.estimate-c.deviation())
}

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
