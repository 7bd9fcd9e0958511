package sfu

import (
	"sync/atomic"
	"time"
)

// roundTripBounds divide round trips: from a local network to what makes a conversation impossible.
var roundTripBounds = [...]time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond,
}

// forwardingBounds divide ways through the server: from one that nothing holds up to what is heard in a conversation.
var forwardingBounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond,
}

// forwardingSample is how many packets a DownTrack forwards for each that it takes the time of: a voice is sampled every
// few seconds, and the clock, which costs half as much as a packet, is read a second time for few.
const forwardingSampleEvery = 256

// RoundTrips counts round trips by how long they took.
type RoundTrips struct{ durationHistogram }

func (r *RoundTrips) add(d time.Duration) { r.durationHistogram.add(roundTripBounds[:], d) }

// Histogram returns how many samples took at most each bound in seconds, how many there are, and the sum of their seconds.
func (r *RoundTrips) Histogram() (atMost map[float64]uint64, count uint64, seconds float64) {
	return r.histogram(roundTripBounds[:])
}

// Forwarding counts a sample of the packets that went to subscribers, by how long after their arrival they did.
type ForwardingTimes struct{ durationHistogram }

func (f *ForwardingTimes) add(d time.Duration) { f.durationHistogram.add(forwardingBounds[:], d) }

// Histogram returns how many samples took at most each bound in seconds, how many there are, and the sum of their seconds.
func (f *ForwardingTimes) Histogram() (atMost map[float64]uint64, count uint64, seconds float64) {
	return f.histogram(forwardingBounds[:])
}

// durations counts by bounds, which are always the same ones.
type durationHistogram struct {
	within [len(forwardingBounds) + 1]atomic.Uint64 // as many as the most bounds need; the last is beyond all of them
	sum    atomic.Int64                             // nanoseconds
}

func (h *durationHistogram) add(bounds []time.Duration, d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.within[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *durationHistogram) histogram(bounds []time.Duration) (atMost map[float64]uint64, count uint64, seconds float64) {
	atMost = make(map[float64]uint64, len(bounds))
	for i, bound := range bounds {
		count += h.within[i].Load()
		atMost[bound.Seconds()] = count
	}
	return atMost, count + h.within[len(bounds)].Load(), time.Duration(h.sum.Load()).Seconds()
}
