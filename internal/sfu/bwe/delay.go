package bwe

import "math"

const (
	// baseSpan is how long the shortest delay seen counts as that of the empty path, in µs. After twice as long a queue
	// that others keep full counts as part of the path.
	baseSpan = 10_000_000
	// standing is the delay above that from which on a queue is there, µs, whether it grows or not.
	standing = 100_000
	// settled is how long a queue may neither grow nor shrink nor lose, µs, before it counts as part of the path: a route
	// that has become longer, or others who keep it.
	settled = 2_000_000
)

// baseDelay follows the shortest delay of the path, in two spans so that it can rise again. The delays are differences of
// two clocks, of which only differences mean something.
type baseDelay struct {
	now, before int64
	began       int64
	started     bool
	least       int64 // in the feedback being read
	steadySince int64 // when a queue was last seen to begin, change or lose; 0 while there is none
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

// judge looks at what the feedback was like: steady says that the delay does not change and nothing is lost.
func (b *baseDelay) judge(steady bool, at int64) {
	switch {
	case b.queue() <= standing:
		b.steadySince = 0
	case !steady || b.steadySince == 0:
		b.steadySince = at
	case at-b.steadySince > settled:
		b.now, b.before, b.began, b.steadySince = b.least, b.least, at, 0
	}
}
