package sfu

import "sync/atomic"

// Counters count rare events on the media path, and a sample of frequent ones, since the server's start. Tracks share
// them.
type Counters struct {
	// Sent to publishers: packets requested with NACK, and key frame requests.
	NACKsSent, KeyFrameRequestsSent atomic.Uint64
	// From subscribers: packets requested with NACK, how many of those were retransmitted, and key frame requests.
	NACKsReceived, Retransmitted, KeyFrameRequestsReceived atomic.Uint64
	// From subscribers' receiver reports: packets sent to them, packets that did not arrive, and round-trip times.
	ReportedExpected, ReportedLost atomic.Uint64
	RoundTrips                     RoundTrips
	// How long packets took from arrival to sending.
	ForwardingTimes ForwardingTimes
}

// addReport adds one report of a subscriber to the counters. before and now are the sums of its reports before and
// after that report.
func (c *Counters) addReport(before, now Reception) {
	c.ReportedExpected.Add(uint64(now.Expected - before.Expected))
	c.ReportedLost.Add(uint64(max(0, now.Lost-before.Lost))) // Lost falls when a packet counted as lost arrives late
}
