package sfu

import (
	"sync/atomic"
	"time"
)

// Counters count what is rare on the media path, since the start, for all tracks that share them.
type Counters struct {
	// Towards publishers: packets asked for again, and key frames.
	Missed, KeyFramesAsked atomic.Uint64
	// From subscribers: packets asked for again, those of them that were sent again, and key frames wanted.
	NACKed, Resent, KeyFramesWanted atomic.Uint64
	// What subscribers' reports say: packets that were sent, those of them that did not arrive, and round trips.
	Expected, Lost atomic.Uint64
	RoundTrips     RoundTrips
}

// reported adds what a subscriber's report has added to its sums.
func (c *Counters) reported(before, now Reception) {
	c.Expected.Add(uint64(now.Expected - before.Expected))
	c.Lost.Add(uint64(max(0, now.Lost-before.Lost))) // fewer are lost when packets come late
}

// roundTripBounds divide round trips: from a local network to what makes a conversation impossible.
var roundTripBounds = [...]time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond,
}

// RoundTrips counts round trips by how long they took.
type RoundTrips struct {
	within [len(roundTripBounds) + 1]atomic.Uint64 // the last is beyond all bounds
	sum    atomic.Int64                            // nanoseconds
}

func (r *RoundTrips) add(d time.Duration) {
	i := 0
	for i < len(roundTripBounds) && d > roundTripBounds[i] {
		i++
	}
	r.within[i].Add(1)
	r.sum.Add(int64(d))
}

// Histogram is how many took at most so many seconds, how many there were and what they took together.
func (r *RoundTrips) Histogram() (atMost map[float64]uint64, count uint64, seconds float64) {
	atMost = make(map[float64]uint64, len(roundTripBounds))
	for i, bound := range roundTripBounds {
		count += r.within[i].Load()
		atMost[bound.Seconds()] = count
	}
	return atMost, count + r.within[len(roundTripBounds)].Load(), time.Duration(r.sum.Load()).Seconds()
}
