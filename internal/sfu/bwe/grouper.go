package bwe

// Packets sent within groupSpan of each other are one group: a frame leaves in a burst, and inside a burst the delay says
// more about the burst than about the path (draft-ietf-rmcat-gcc-02, section 5.2). Times are in µs.
const (
	groupSpan    = 5_000
	burstMax     = 100_000   // a queue that empties at once is one group for no longer
	clockStep    = 3_000_000 // the receiver's clock has jumped
	reorderedMax = 3         // groups in a row that arrived before their predecessors
)

type group struct {
	firstSent, lastSent       int64
	firstArrival, lastArrival int64
}

// grouper turns packets into groups and tells by how much each is farther from its predecessor on arrival than it was
// when sent.
type grouper struct {
	current, previous    group
	started, hasPrevious bool // the current group, the previous one
	reordered            int
}

// add takes a packet and, when it begins a new group, returns the differences between the two before it.
func (g *grouper) add(sent, arrival int64) (sentDelta, arrivalDelta int64, ok bool) {
	c := &g.current
	switch {
	case !g.started:
		g.begin(sent, arrival)
		return 0, 0, false
	case sent < c.firstSent:
		return 0, 0, false // reordered on the way
	case !g.belongs(sent, arrival):
		if g.hasPrevious {
			sentDelta, arrivalDelta = c.lastSent-g.previous.lastSent, c.lastArrival-g.previous.lastArrival
			ok = g.plausible(arrivalDelta)
			if !g.hasPrevious { // not plausible at all: begin anew
				g.begin(sent, arrival)
				return 0, 0, false
			}
		}
		g.previous, g.hasPrevious = *c, true
		g.begin(sent, arrival)
		return sentDelta, arrivalDelta, ok
	}
	c.lastSent = max(c.lastSent, sent)
	c.lastArrival = max(c.lastArrival, arrival)
	return 0, 0, false
}

func (g *grouper) begin(sent, arrival int64) {
	g.current, g.started = group{sent, sent, arrival, arrival}, true
}

func (g *grouper) belongs(sent, arrival int64) bool {
	c := &g.current
	if sent-c.firstSent <= groupSpan {
		return true
	}
	// Packets that come in faster than they were sent come out of a queue together.
	apart := arrival - c.lastArrival
	return apart-(sent-c.lastSent) < 0 && apart <= groupSpan && arrival-c.firstArrival < burstMax
}

// plausible reports whether a difference in arrival can be used; too strange a one ends all comparison with the past.
func (g *grouper) plausible(arrivalDelta int64) bool {
	switch {
	case arrivalDelta > clockStep:
		g.hasPrevious = false
		return false
	case arrivalDelta < 0:
		if g.reordered++; g.reordered >= reorderedMax {
			g.hasPrevious, g.reordered = false, 0
		}
		return false
	}
	g.reordered = 0
	return true
}
