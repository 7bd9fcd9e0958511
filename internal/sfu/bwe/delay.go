package bwe

import "math"

const (
	// baseSpan is how long the shortest delay seen counts as that of the empty path, in µs. After twice as long a queue
	// that others keep full counts as part of the path.
	baseSpan = 10_000_000
	// standing is the delay above that from which on a queue is there, µs, whether it grows or not.
	standing = 100_000
	// settled is how long a queue may neither change nor lose, µs, before it counts as part of the path: a route that has
	// become longer, or others who keep it.
	settled = 2_000_000
	// unmoved is the same while packets are lost, as on a bad radio link, but no more than lossHigh of them: a queue of our
	// own does not stay as it is while what is sent falls below fellTo of what it was. steadyWithin says how much a queue
	// may vary for that.
	unmoved      = 1_000_000
	fellTo       = 0.7
	steadyWithin = 0.15
)

// baseDelay follows the shortest delay of the path, in two spans so that it can rise again. The delays are differences of
// two clocks, of which only differences mean something.
type baseDelay struct {
	now, before int64
	began       int64
	started     bool
	least       int64 // in the feedback being read

	// Of a queue that neither grows nor shrinks:
	level, since  int64 // how long it is, and since when; 0 while there is none
	lostAt        int64
	sent, lost    int     // packets
	slowest, most float64 // of what was sent, bits/s
}

func (b *baseDelay) add(delay, at int64) {
	if !b.started || at-b.began > baseSpan {
		before := b.now
		if !b.started {
			before = delay
		}
		b.started, b.began, b.before, b.now = true, at, before, delay
	}
	b.now = min(b.now, delay)
	b.least = min(b.least, delay)
}

// begin starts the reading of a feedback.
func (b *baseDelay) begin() { b.least = math.MaxInt64 }

// queue is how long the quickest packet of the feedback waited, µs.
func (b *baseDelay) queue() int64 {
	if b.least == math.MaxInt64 {
		return 0
	}
	return b.least - min(b.now, b.before)
}

// judge looks at what the feedback was like: how many packets it decided about and how many of those were lost, while rate
// bits/s were being sent.
func (b *baseDelay) judge(sent, lost int, rate float64, at int64) {
	q := b.queue()
	switch {
	case q <= standing:
		b.since = 0
		return
	case b.since == 0 || math.Abs(float64(q-b.level)) > steadyWithin*float64(b.level):
		b.level, b.since, b.lostAt, b.sent, b.lost, b.slowest, b.most = q, at, at, 0, 0, rate, rate
		return
	}
	if lost > 0 {
		b.lostAt = at
	}
	b.sent, b.lost = b.sent+sent, b.lost+lost
	b.slowest, b.most = min(b.slowest, rate), max(b.most, rate)
	ownLoss := float64(b.lost) < lossHigh*float64(b.sent) && b.slowest < fellTo*b.most
	if at-b.lostAt > settled || at-b.since > unmoved && ownLoss {
		b.now, b.before, b.began, b.since = b.least, b.least, at, 0
	}
}
