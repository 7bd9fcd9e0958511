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
	// unmoved is how long it is looked at otherwise. It is no queue of ours if it stays as it is though what is sent fell to
	// fellTo of what it was and no more than lossHigh is lost, as on a bad radio link: even where we have a third of the
	// bottleneck only, a queue of ours shrinks by responds of the time since.
	unmoved  = 1_000_000
	fellTo   = 0.7
	responds = 0.1
	// A queue stays as it is within this share, but not less and not more than so many µs.
	steadyShare             = 0.15
	steadyLeast, steadyMost = 20_000, 60_000
)

// baseDelay follows the shortest delay of the path, in two spans so that it can rise again. The delays are differences of
// two clocks, of which only differences mean something.
type baseDelay struct {
	now, before int64
	began       int64
	started     bool
	least       int64 // in the feedback being read

	// Of a queue that neither grows nor shrinks:
	level, since int64   // how long it is, and since when; 0 while there is none
	lostAt       int64   // when it last lost, or began
	sent, lost   int     // packets
	peak         float64 // the most that was sent, bits/s
	fellAt       int64   // since when less is sent; 0 while not
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
// bits/s were being sent, over a path of that round trip, the queue included, in µs.
func (b *baseDelay) judge(sent, lost int, rate float64, roundTrip, at int64) {
	if lost > 0 {
		b.lostAt = at
	}
	b.sent, b.lost = b.sent+sent, b.lost+lost
	if b.least == math.MaxInt64 {
		return // nothing arrived, which says nothing of a queue
	}
	q := b.queue()
	within := max(steadyLeast, min(int64(steadyShare*float64(b.level)), steadyMost))
	switch {
	case q <= standing:
		b.since = 0
		return
	case b.since == 0 || max(q-b.level, b.level-q) > within:
		b.level, b.since, b.lostAt, b.sent, b.lost, b.peak, b.fellAt = q, at, at, 0, 0, rate, 0
		return
	}
	b.peak = max(b.peak, rate)
	switch {
	case rate >= fellTo*b.peak:
		b.fellAt = 0
	case b.fellAt == 0:
		b.fellAt = at
	}
	// By then a queue of ours would have shrunk by more than within.
	answered := roundTrip + int64(float64(within)/responds)
	ours := b.fellAt == 0 || at-b.fellAt < answered || float64(b.lost) >= lossHigh*float64(b.sent)
	if at-b.lostAt > settled || at-b.since > unmoved && !ours {
		b.now, b.before, b.began, b.since = b.least, b.least, at, 0
	}
}
