package sfu

import (
	"sync/atomic"
	"time"
)

// roundTripBounds are the bucket bounds for round-trip times: from a local network to delays that make conversation
// impossible.
var roundTripBounds = [...]time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond,
}

// forwardingBounds are the bucket bounds for forwarding times in the server: from an idle server to delays that disturb
// a conversation.
var forwardingBounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond,
}

// forwardingSampleEvery is the sampling interval of forwarding times, as a number of packets: of each
// forwardingSampleEvery packets, a DownTrack measures one. With audio, that is one packet every few seconds. Measuring
// every packet would be expensive, because reading the clock costs half as much as forwarding.
const forwardingSampleEvery = 256

// RoundTrips is a histogram of the round-trip times to subscribers.
type RoundTrips struct{ durationHistogram }

func (r *RoundTrips) add(d time.Duration) { r.durationHistogram.add(roundTripBounds[:], d) }

// Histogram returns a map from each bound to the number of samples that do not exceed it. It also returns the number
// and the sum of all samples. Bounds and sum are in seconds.
func (r *RoundTrips) Histogram() (atMost map[float64]uint64, count uint64, seconds float64) {
	return r.histogram(roundTripBounds[:])
}

// ForwardingTimes is a histogram of forwarding times. The forwarding time of a packet is the time from its arrival to
// its sending to a subscriber. Only a sample of the packets is measured; see forwardingSampleEvery.
type ForwardingTimes struct{ durationHistogram }

func (f *ForwardingTimes) add(d time.Duration) { f.durationHistogram.add(forwardingBounds[:], d) }

// Histogram returns a map from each bound to the number of samples that do not exceed it. It also returns the number
// and the sum of all samples. Bounds and sum are in seconds.
func (f *ForwardingTimes) Histogram() (atMost map[float64]uint64, count uint64, seconds float64) {
	return f.histogram(forwardingBounds[:])
}

// durationHistogram counts durations in buckets. Every call must pass the same bounds.
type durationHistogram struct {
	within [len(forwardingBounds) + 1]atomic.Uint64 // samples per bucket; forwardingBounds has the most bounds, and the last bucket is above all of them
	sum    atomic.Int64                             // ns
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
