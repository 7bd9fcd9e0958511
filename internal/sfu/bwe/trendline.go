package bwe

import "math"

// usage is what the delay says of the path.
type usage uint8

const (
	normal usage = iota
	overuse
	underuse
)

// What libwebrtc found to work for its trendline estimator; times in ms.
const (
	trendWindow    = 20  // groups
	trendSmoothing = 0.9 // weight of the past
	trendGain      = 4.0
	trendMaxDeltas = 60 // groups after which the slope counts in full
	overuseTime    = 10.0
	// The threshold follows the slope, up fast and down slowly, so that a path which always jitters, or one shared with
	// flows that fill its queue, does not look congested for ever (draft-ietf-rmcat-gcc-02, section 5.4).
	thresholdStart = 12.5
	thresholdLeast = 6.0
	thresholdMost  = 600.0
	thresholdUp    = 0.0087
	thresholdDown  = 0.039
	thresholdSpike = 15.0 // farther off than this is a single event and teaches nothing
	thresholdStep  = 100.0
)

type trendPoint struct{ at, delay float64 }

// trendline watches whether the delay of groups grows.
type trendline struct {
	points   [trendWindow]trendPoint
	count    int // groups so far
	began    int64
	sum      float64 // of delay, ms
	smoothed float64

	threshold        float64
	thresholdUpdated int64 // µs; 0 before the first
	slope            float64
	overTime         float64 // ms spent over the threshold; -1 when not
	overGroups       int
	state            usage
}

func newTrendline() trendline { return trendline{threshold: thresholdStart, overTime: -1} }

// add takes the differences between two groups, in µs, the later of which arrived at arrival.
func (t *trendline) add(sentDelta, arrivalDelta, arrival int64) {
	if t.count == 0 {
		t.began = arrival
	}
	t.sum += float64(arrivalDelta-sentDelta) / 1000
	t.smoothed = trendSmoothing*t.smoothed + (1-trendSmoothing)*t.sum
	t.points[t.count%trendWindow] = trendPoint{float64(arrival-t.began) / 1000, t.smoothed}
	t.count++
	if t.count == math.MaxInt32 { // no overflow in a year-long call
		t.count = trendWindow
	}
	slope := t.slope
	if t.count >= trendWindow {
		slope = t.fit(slope)
	}
	t.detect(slope, float64(sentDelta)/1000, arrival)
}

// fit is the slope of the least-squares line through the points.
func (t *trendline) fit(otherwise float64) float64 {
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
		return otherwise
	}
	return over / under
}

func (t *trendline) detect(slope, sentDelta float64, arrival int64) {
	trend := float64(min(t.count, trendMaxDeltas)) * slope * trendGain
	switch {
	case trend > t.threshold:
		if t.overTime < 0 {
			t.overTime = sentDelta / 2 // it began somewhere in between
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
	t.threshold = max(thresholdLeast, min(t.threshold+k*(trend-t.threshold)*elapsed, thresholdMost))
}
