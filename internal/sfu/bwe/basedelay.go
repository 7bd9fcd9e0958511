package bwe

import "math"

const (
	// baseSpan is the time in µs over which a minimum delay is measured. The base delay, which is the delay of the path
	// without a queue, is the lower minimum of the current and the previous span. So if other traffic keeps a queue
	// full for two spans, the queue counts as part of the path.
	baseSpan = 10_000_000
	// standingQueueDelay is the queueing delay in µs above which there is a standing queue, whether it grows or not.
	standingQueueDelay = 100_000
	// A queue that neither changes nor loses packets for standingQueueTime, in µs, counts as part of the path: a longer
	// network route, or a queue that other traffic keeps full.
	standingQueueTime = 2_000_000
	// A queue that loses packets counts as part of the path after unresponsiveTime, in µs, if it does not respond to
	// our bitrate: it stays constant although we send less than loweredShare of our peak bitrate, and the loss is below
	// lossHigh. An example is a bad radio link. A queue that we cause would shrink by at least responseShare of the
	// elapsed time, even if we have only a third of the bottleneck's capacity.
	unresponsiveTime = 1_000_000
	loweredShare     = 0.7
	responseShare    = 0.1
	// A queue counts as constant while its delay changes by at most the share steadyShare. The permitted change is at
	// least minSteadyBand and at most maxSteadyBand, both in µs.
	steadyShare                  = 0.15
	minSteadyBand, maxSteadyBand = 20_000, 60_000
)

// baseDelay tracks the minimum delay of the path, in the current and in the previous span of time. It forgets older
// delays, so that the base delay can rise again. A delay is the difference between the clocks of receiver and sender,
// so its value has no meaning, but the difference between two delays has.
type baseDelay struct {
	current, previous int64 // minimum delay in this span and in the previous one, µs
	spanStart         int64 // µs
	started           bool
	feedbackMin       int64 // minimum delay in the feedback being read, µs; MaxInt64: none

	// State of a queue that neither grows nor shrinks; times in µs.
	queueLevel, queueSince int64   // its length, and when it reached it; queueSince is 0 if there is none
	lastLoss               int64   // when packets were last lost, or queueSince
	sent, lost             int     // packets since queueSince
	peakRate               float64 // maximum sent bitrate, bits/s
	loweredAt              int64   // since when less than loweredShare of peakRate is sent; 0 if more is
}

// add records the delay of a received packet. The delay and the current time at are in µs.
func (b *baseDelay) add(delay, at int64) {
	if !b.started || at-b.spanStart > baseSpan {
		before := b.current
		if !b.started {
			before = delay
		}
		b.started, b.spanStart, b.previous, b.current = true, at, before, delay
	}
	b.current = min(b.current, delay)
	b.feedbackMin = min(b.feedbackMin, delay)
}

// startFeedback prepares for the packets of the next feedback.
func (b *baseDelay) startFeedback() { b.feedbackMin = math.MaxInt64 }

// queue returns the queueing delay of the fastest packet in the feedback, in µs.
func (b *baseDelay) queue() int64 {
	if b.feedbackMin == math.MaxInt64 {
		return 0
	}
	return b.feedbackMin - min(b.current, b.previous)
}

// checkStandingQueue makes the current queue part of the base delay if it is not caused by us. sent is the number of
// packets that the feedback reports, and lost is the number of lost ones among them. rate is the sent bitrate in
// bits/s. roundTrip, which includes the queueing delay, and the current time at are in µs.
func (b *baseDelay) checkStandingQueue(sent, lost int, rate float64, roundTrip, at int64) {
	if lost > 0 {
		b.lastLoss = at
	}
	b.sent, b.lost = b.sent+sent, b.lost+lost
	if b.feedbackMin == math.MaxInt64 {
		return // nothing arrived: the queue is unknown
	}
	q := b.queue()
	within := max(minSteadyBand, min(int64(steadyShare*float64(b.queueLevel)), maxSteadyBand))
	switch {
	case q <= standingQueueDelay:
		b.queueSince = 0
		return
	case b.queueSince == 0 || max(q-b.queueLevel, b.queueLevel-q) > within:
		b.queueLevel, b.queueSince, b.lastLoss, b.sent, b.lost, b.peakRate, b.loweredAt = q, at, at, 0, 0, rate, 0
		return
	}
	b.peakRate = max(b.peakRate, rate)
	switch {
	case rate >= loweredShare*b.peakRate:
		b.loweredAt = 0
	case b.loweredAt == 0:
		b.loweredAt = at
	}
	// After this time a queue caused by us would have shrunk by more than within.
	responded := roundTrip + int64(float64(within)/responseShare)
	ours := b.loweredAt == 0 || at-b.loweredAt < responded || float64(b.lost) >= lossHigh*float64(b.sent)
	if at-b.lastLoss > standingQueueTime || at-b.queueSince > unresponsiveTime && !ours {
		b.current, b.previous, b.spanStart, b.queueSince = b.feedbackMin, b.feedbackMin, at, 0
	}
}
