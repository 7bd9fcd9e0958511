package bwe

import "math"

// Windows over which throughput is measured, in µs: long enough for a few frames; the first one longer, because there is
// nothing to compare it with.
const (
	throughputWindow = 150_000
	throughputFirst  = 500_000
)

// throughput estimates how much arrives. Each window's rate moves the estimate the more the surer it is, so that one
// large frame says little and a lasting change is believed within about half a second.
type throughput struct {
	windowStart int64 // µs on the receiver's clock
	last        int64
	started     bool
	bits        float64
	rate        float64 // bits/s; 0 until the first window has ended
	lastWindow  float64 // of the last window
	recent      float64 // of the last two: quick, for when something has just changed
	variance    float64 // of what is believed; only its size beside a sample's counts
}

// add takes bytes that arrived.
func (t *throughput) add(size int, arrival int64) {
	window := int64(throughputFirst)
	if t.rate > 0 {
		window = throughputWindow
	}
	if !t.started || arrival < t.windowStart-clockStep || arrival-t.last > clockStep {
		t.started, t.windowStart, t.bits = true, arrival, 0
	}
	t.last = max(arrival, t.windowStart)
	if elapsed := arrival - t.windowStart; elapsed >= window {
		// Silence beyond the window is somebody who sent nothing, which says nothing of the path.
		t.observe(t.bits / (float64(min(elapsed, 2*window)) / 1e6))
		t.windowStart, t.bits = arrival, 0
	}
	t.bits += float64(size) * 8
}

func (t *throughput) observe(sample float64) {
	if t.rate == 0 {
		t.rate, t.variance = max(sample, 1), 50*50
		t.lastWindow, t.recent = sample, sample
		return
	}
	t.recent, t.lastWindow = (t.lastWindow+sample)/2, sample
	// A sample's doubt grows with its distance from what is believed; what is believed grows doubtful with time.
	doubt := 7 * math.Abs(t.rate-sample) / max(t.rate, sample)
	sampleVariance := doubt * doubt
	believed := t.variance + 5
	t.rate = max((sampleVariance*t.rate+believed*sample)/(sampleVariance+believed), 1)
	t.variance = sampleVariance * believed / (sampleVariance + believed)
}
