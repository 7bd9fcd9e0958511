package forward

// maxRuns is how many runs of forwarded packets are remembered. With every second picture left out at 30 frames a second
// that is four seconds, longer than anybody resends.
const maxRuns = 64

// reach is how far numbers may lie apart for "before" and "after" to have a meaning in 16 bits, with a margin.
const maxDistance = 1 << 14

// numbering gives the packets of one stream their numbers when some of them are left out: between two such gaps is a run
// with constant differences. A packet that comes late still gets the number it would have had in time.
type numbering struct {
	runs    [maxRuns]run // ring
	newest  int
	count   int
	highest uint16 // the publisher's number, forwarded or left out
}

// run is the offset that is added to the publisher's numbers from first on.
type run struct {
	first   uint16 // the publisher's sequence number
	seq     uint16
	picture uint16 // VP8
}

// begin forgets all and starts with r.
func (n *numbering) reset(r run) {
	n.newest, n.count, n.runs[0] = 0, 1, r
	n.highest = r.first - 1
}

// delta returns the offset that is added to the newest numbers.
func (n *numbering) delta() uint16 { return n.runs[n.newest].seq }

// find returns the run of packet seq, nil for one from before the first that is remembered.
func (n *numbering) find(seq uint16) *run {
	for i := range n.count {
		if r := &n.runs[(n.newest-i)&(maxRuns-1)]; int16(seq-r.first) >= 0 {
			return r
		}
	}
	return nil
}

// isNew reports whether seq is newer than all before.
func (n *numbering) isNew(seq uint16) bool { return int16(seq-n.highest) > 0 }

// note takes seq for the highest, if it is. The newest run begins at most reach before it, so that old and new stay apart.
func (n *numbering) noteHighest(seq uint16) {
	if !n.isNew(seq) {
		return
	}
	n.highest = seq
	if r := &n.runs[n.newest]; seq-r.first > maxDistance && int16(seq-r.first) > 0 {
		r.first = seq - maxDistance/2
		n.count = 1
	}
}

// leaveOut goes on behind seq, which is newer than all before, as if it had not been; with picture also its picture.
func (n *numbering) skip(seq uint16, picture bool) {
	n.noteHighest(seq)
	before := &n.runs[n.newest]
	next := run{first: seq + 1, seq: before.seq - 1, picture: before.picture}
	if picture {
		next.picture--
	}
	if before.first == seq {
		*before = next
		return
	}
	n.newest = (n.newest + 1) & (maxRuns - 1)
	n.runs[n.newest] = next
	n.count = min(n.count+1, maxRuns)
	for n.count > 1 && next.first-n.runs[(n.newest-n.count+1)&(maxRuns-1)].first > maxDistance {
		n.count--
	}
}
