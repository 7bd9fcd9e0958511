package bwe

import "math"

// Durations of the measuring windows in µs: long enough for a few frames. The first one is longer, because there is no
// earlier measurement to combine it with.
const (
	throughputWindow = 150_000
	throughputFirst  = 500_000
)

// throughput estimates the received bitrate. The more certain a window's bitrate is, the more it changes the estimate.
// A single large frame changes it little; a lasting change is adopted within about half a second.
type throughput struct {
	windowStart int64 // µs on the receiver's clock
	last        int64 // latest arrival, µs on the receiver's clock
	started     bool
	bits        float64 // received in this window
	rate        float64 // estimate, bits/s; 0 until the first window has ended
	lastWindow  float64 // bitrate of the latest window, bits/s
	recent      float64 // average of the latest two windows, bits/s; reacts faster than rate
	variance    float64 // of rate; only its ratio to a sample's variance matters
}

// add adds size bytes that arrived at arrival, in µs on the receiver's clock.
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
		// Time far beyond the window means that nothing was sent. It says nothing about the path.
		t.observe(t.bits / (float64(min(elapsed, 2*window)) / 1e6))
		t.windowStart, t.bits = arrival, 0
	}
	t.bits += float64(size) * 8
}

// observe combines the bitrate of one window, in bits/s, with the estimate.
func (t *throughput) observe(sample float64) {
	if t.rate == 0 {
		t.rate, t.variance = max(sample, 1), 50*50
		t.lastWindow, t.recent = sample, sample
		return
	}
	t.recent, t.lastWindow = (t.lastWindow+sample)/2, sample
	// A sample's variance grows with its distance from the estimate. The estimate's variance grows with time.
	distance := 7 * math.Abs(t.rate-sample) / max(t.rate, sample)
	sampleVariance := distance * distance
	variance := t.variance + 5
	t.rate = max((sampleVariance*t.rate+variance*sample)/(sampleVariance+variance), 1)
	t.variance = sampleVariance * variance / (sampleVariance + variance)
}
