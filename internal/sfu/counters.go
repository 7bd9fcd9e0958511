package sfu

import "sync/atomic"

// Counters count what is rare on the media path, or a sample of it, since the start, for all tracks that share them.
type Counters struct {
	// Towards publishers: packets asked for again, and key frames.
	NACKsSent, KeyFrameRequestsSent atomic.Uint64
	// From subscribers: packets asked for again, those of them that were sent again, and key frames wanted.
	NACKsReceived, Retransmitted, KeyFrameRequestsReceived atomic.Uint64
	// What subscribers' reports say: packets that were sent, those of them that did not arrive, and round trips.
	ReportedExpected, ReportedLost atomic.Uint64
	RoundTrips                     RoundTrips
	// How long packets were on their way through the server.
	ForwardingTimes ForwardingTimes
}

// reported adds what a subscriber's report has added to its sums.
func (c *Counters) addReport(before, now Reception) {
	c.ReportedExpected.Add(uint64(now.Expected - before.Expected))
	c.ReportedLost.Add(uint64(max(0, now.Lost-before.Lost))) // fewer are lost when packets come late
}
