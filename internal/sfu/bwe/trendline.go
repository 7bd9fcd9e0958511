package bwe

import "math"

// usage classifies the path by the trend of its delay, as GCC does.
type usage uint8

const (
	normal   usage = iota // the delay is constant
	overuse               // the delay grows: congestion
	underuse              // the delay shrinks: a queue is draining
)

// Parameters of libwebrtc's trendline estimator. Times are in ms.
const (
	trendWindow    = 20  // groups
	trendSmoothing = 0.9 // weight of earlier delays
	trendGain      = 4.0
	trendMaxDeltas = 60 // number of groups after which the slope has its full weight
	overuseTime    = 10.0
	// The threshold follows the trend. Otherwise a path with constant jitter, or one shared with flows that fill its
	// queue, would look congested all the time (draft-ietf-rmcat-gcc-02, section 5.4).
	thresholdStart = 12.5
	minThreshold   = 6.0
	maxThreshold   = 600.0
	thresholdUp    = 0.0087
	thresholdDown  = 0.039
	thresholdSpike = 15.0 // a trend this far above the threshold is a single event and does not change it
	thresholdStep  = 100.0
)

// trendPoint is the smoothed delay at a time, both in ms.
type trendPoint struct{ at, delay float64 }

// trendline detects whether the queueing delay of groups grows or shrinks.
type trendline struct {
	points   [trendWindow]trendPoint // ring
	count    int                     // groups so far
	began    int64                   // arrival of the first group, µs
	sum      float64                 // accumulated delay, ms
	smoothed float64                 // sum, smoothed

	threshold        float64
	thresholdUpdated int64 // µs; 0: not yet
	slope            float64
	overTime         float64 // time above the threshold, ms; -1: not above
	overGroups       int     // groups above the threshold
	state            usage
}

// newTrendline returns a trendline without groups.
func newTrendline() trendline { return trendline{threshold: thresholdStart, overTime: -1} }

// add adds a group. sentDelta is the time between the sending of the previous group and of this one. arrivalDelta is
// the time between their arrivals. arrival is the time when this group arrived. All times are in µs.
func (t *trendline) add(sentDelta, arrivalDelta, arrival int64) {
	if t.count == 0 {
		t.began = arrival
	}
	t.sum += float64(arrivalDelta-sentDelta) / 1000
	t.smoothed = trendSmoothing*t.smoothed + (1-trendSmoothing)*t.sum
	t.points[t.count%trendWindow] = trendPoint{float64(arrival-t.began) / 1000, t.smoothed}
	t.count++
	if t.count == math.MaxInt32 { // prevent overflow in a year-long call
		t.count = trendWindow
	}
	slope := t.slope
	if t.count >= trendWindow {
		slope = t.fit(slope)
	}
	t.detect(slope, float64(sentDelta)/1000, arrival)
}

// fit returns the slope of the least-squares line through the points, or fallback if it is undefined.
func (t *trendline) fit(fallback float64) float64 {
	var atSum, delaySum float64
	for _, p := range t.points {
		atSum += p.at
		delaySum += p.delay
	}
	at, delay := atSum/trendWindow, delaySum/trendWindow
	var over, under float64
	for _, p := range t.points {
		over += (p.at - at) * (p.delay - delay)
		under += (p.at - at) * (p.at - at)
	}
	if under == 0 {
		return fallback
	}
	return over / under
}

// detect updates the state with a new slope. sentDelta is in ms, arrival in µs.
func (t *trendline) detect(slope, sentDelta float64, arrival int64) {
	trend := float64(min(t.count, trendMaxDeltas)) * slope * trendGain
	switch {
	case trend > t.threshold:
		if t.overTime < 0 {
			t.overTime = sentDelta / 2 // it was exceeded somewhere in between
		} else {
			t.overTime += sentDelta
		}
		t.overGroups++
		if t.overTime > overuseTime && t.overGroups > 1 && slope >= t.slope {
			t.overTime, t.overGroups, t.state = 0, 0, overuse
		}
	case trend < -t.threshold:
		t.overTime, t.overGroups, t.state = -1, 0, underuse
	default:
		t.overTime, t.overGroups, t.state = -1, 0, normal
	}
	t.slope = slope
	t.updateThreshold(math.Abs(trend), arrival)
}

// updateThreshold moves the threshold towards trend. arrival is the arrival time of the latest group in µs.
func (t *trendline) updateThreshold(trend float64, arrival int64) {
	if t.thresholdUpdated == 0 {
		t.thresholdUpdated = arrival
	}
	elapsed := min(float64(arrival-t.thresholdUpdated)/1000, thresholdStep)
	t.thresholdUpdated = arrival
	if trend > t.threshold+thresholdSpike || elapsed < 0 {
		return
	}
	k := thresholdUp
	if trend < t.threshold {
		k = thresholdDown
	}
	t.threshold = max(minThreshold, min(t.threshold+k*(trend-t.threshold)*elapsed, maxThreshold))
}
