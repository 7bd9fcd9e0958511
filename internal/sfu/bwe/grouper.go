package bwe

// Packets sent within groupSpan of each other form a group. A frame is sent in a burst, and delays within a burst
// depend more on the burst than on the path (draft-ietf-rmcat-gcc-02, section 5.2). Times are in µs.
const (
	groupSpan    = 5_000
	maxBurst     = 100_000   // maximum duration of a group that arrives from a draining queue
	clockStep    = 3_000_000 // a larger step means that the receiver's clock was set
	maxReordered = 3         // groups in a row that arrived before their predecessors
)

// group holds the times of the first and last packet of a group, in µs.
type group struct {
	firstSent, lastSent       int64
	firstArrival, lastArrival int64
}

// grouper combines packets into groups. For each two consecutive groups, it computes the time between their sending and
// the time between their arrivals.
type grouper struct {
	current, previous    group
	started, hasPrevious bool // current and previous are valid
	reordered            int  // groups in a row that arrived before their predecessors
}

// add adds a packet. If the packet starts a new group, and there are two earlier ones, add compares those two.
// sentDelta is the time between their sending, and arrivalDelta is the time between their arrivals, both in µs. ok says
// that the times can be used.
func (g *grouper) add(sent, arrival int64) (sentDelta, arrivalDelta int64, ok bool) {
	c := &g.current
	switch {
	case !g.started:
		g.begin(sent, arrival)
		return 0, 0, false
	case sent < c.firstSent:
		return 0, 0, false // reordered on the path
	case !g.belongs(sent, arrival):
		if g.hasPrevious {
			sentDelta, arrivalDelta = c.lastSent-g.previous.lastSent, c.lastArrival-g.previous.lastArrival
			ok = g.plausible(arrivalDelta)
			if !g.hasPrevious { // the comparison has to restart
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

// begin starts a group with one packet.
func (g *grouper) begin(sent, arrival int64) {
	g.current, g.started = group{sent, sent, arrival, arrival}, true
}

// belongs reports whether a packet belongs to the current group.
func (g *grouper) belongs(sent, arrival int64) bool {
	c := &g.current
	if sent-c.firstSent <= groupSpan {
		return true
	}
	// Packets that arrive faster than they were sent were queued together.
	apart := arrival - c.lastArrival
	return apart-(sent-c.lastSent) < 0 && apart <= groupSpan && arrival-c.firstArrival < maxBurst
}

// plausible reports whether the time between two arrivals can be used. If it is negative too often, or too large,
// plausible also clears hasPrevious, because the receiver's clock was probably set.
func (g *grouper) plausible(arrivalDelta int64) bool {
	switch {
	case arrivalDelta > clockStep:
		g.hasPrevious = false
		return false
	case arrivalDelta < 0:
		if g.reordered++; g.reordered >= maxReordered {
			g.hasPrevious, g.reordered = false, 0
		}
		return false
	}
	g.reordered = 0
	return true
}
