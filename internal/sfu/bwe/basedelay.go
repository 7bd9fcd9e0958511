package bwe

import "math"

const (
	// baseSpan is how long the shortest delay seen counts as that of the empty path, in µs. After twice as long a queue
	// that others keep full counts as part of the path.
	baseSpan = 10_000_000
	// standing is the delay above that from which on a queue is there, µs, whether it grows or not.
	standingQueueDelay = 100_000
	// settled is how long a queue may neither change nor lose, µs, before it counts as part of the path: a route that has
	// become longer, or others who keep it.
	standingQueueTime = 2_000_000
	// unmoved is how long it is looked at otherwise. It is no queue of ours if it stays as it is though what is sent fell to
	// fellTo of what it was and no more than lossHigh is lost, as on a bad radio link: even where we have a third of the
	// bottleneck only, a queue of ours shrinks by responds of the time since.
	unresponsiveTime = 1_000_000
	loweredShare     = 0.7
	responseShare    = 0.1
	// A queue stays as it is within this share, but not less and not more than so many µs.
	steadyShare                  = 0.15
	minSteadyBand, maxSteadyBand = 20_000, 60_000
)

// baseDelay follows the shortest delay of the path, in two spans so that it can rise again. The delays are differences of
// two clocks, of which only differences mean something.
type baseDelay struct {
	current, previous int64
	spanStart         int64
	started           bool
	feedbackMin       int64 // in the feedback being read

	// Of a queue that neither grows nor shrinks:
	queueLevel, queueSince int64   // how long it is, and since when; 0 while there is none
	lastLoss               int64   // when it last lost, or began
	sent, lost             int     // packets
	peakRate               float64 // the most that was sent, bits/s
	loweredAt              int64   // since when less is sent; 0 while not
}

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

// begin starts the reading of a feedback.
func (b *baseDelay) startFeedback() { b.feedbackMin = math.MaxInt64 }

// queue is how long the quickest packet of the feedback waited, µs.
func (b *baseDelay) queue() int64 {
	if b.feedbackMin == math.MaxInt64 {
		return 0
	}
	return b.feedbackMin - min(b.current, b.previous)
}

// judge looks at what the feedback was like: how many packets it decided about and how many of those were lost, while rate
// bits/s were being sent, over a path of that round trip, the queue included, in µs.
func (b *baseDelay) checkStandingQueue(sent, lost int, rate float64, roundTrip, at int64) {
	if lost > 0 {
		b.lastLoss = at
	}
	b.sent, b.lost = b.sent+sent, b.lost+lost
	if b.feedbackMin == math.MaxInt64 {
		return // nothing arrived, which says nothing of a queue
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
	// By then a queue of ours would have shrunk by more than within.
	answered := roundTrip + int64(float64(within)/responseShare)
	ours := b.loweredAt == 0 || at-b.loweredAt < answered || float64(b.lost) >= lossHigh*float64(b.sent)
	if at-b.lastLoss > standingQueueTime || at-b.queueSince > unresponsiveTime && !ours {
		b.current, b.previous, b.spanStart, b.queueSince = b.feedbackMin, b.feedbackMin, at, 0
	}
}
