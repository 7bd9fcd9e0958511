package forward

// maxRuns is the number of stored runs. If every second frame is skipped at 30 frames/s, they cover four seconds, more
// than any retransmission takes.
const maxRuns = 64

// maxDistance is the maximum distance between two sequence numbers that are compared. 16-bit numbers compare correctly
// up to a distance of 32,768. maxDistance is half of that for safety.
const maxDistance = 1 << 14

// numbering renumbers the packets of one stream, so that skipped packets leave no gap. Between two skipped packets
// there is a run with a constant offset. A late packet gets the number it would have had in order.
type numbering struct {
	runs    [maxRuns]run // ring
	newest  int          // index in runs
	count   int          // valid runs
	highest uint16       // the publisher's highest sequence number, forwarded or skipped
}

// run holds the offsets that are added to the publisher's numbers, from packet first on.
type run struct {
	first   uint16 // the publisher's sequence number
	seq     uint16 // offset of RTP sequence numbers
	picture uint16 // offset of VP8 picture IDs
}

// reset removes all runs and starts with r.
func (n *numbering) reset(r run) {
	n.newest, n.count, n.runs[0] = 0, 1, r
	n.highest = r.first - 1
}

// delta returns the offset of the newest run.
func (n *numbering) delta() uint16 { return n.runs[n.newest].seq }

// find returns the run of packet seq, nil if the packet precedes the oldest stored run.
func (n *numbering) find(seq uint16) *run {
	for i := range n.count {
		if r := &n.runs[(n.newest-i)&(maxRuns-1)]; int16(seq-r.first) >= 0 {
			return r
		}
	}
	return nil
}

// isNew reports whether seq is newer than all packets before.
func (n *numbering) isNew(seq uint16) bool { return int16(seq-n.highest) > 0 }

// noteHighest updates highest with seq. It also keeps the distance from the start of the newest run to seq within
// maxDistance, so that comparisons remain correct.
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

// skip leaves packet seq, the newest so far, out of the numbering. If picture is set, a VP8 picture ID is left out too.
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
