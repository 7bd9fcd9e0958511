package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

// Reception is what a subscriber has reported of a track since its first report. Lost may fall when packets come late.
type Reception struct {
	Expected, Lost int64
	RoundTrip      time.Duration
}

// receptionTracker sums a subscriber's reports.
type receptionTracker struct {
	started bool
	highest uint32 // extended sequence number of the latest report
	lost    uint32 // its count of lost packets: 24 bits, signed
	sum     Reception
}

// maxReported bounds what one report can add, in packets: reports come each second or so, and what a hostile one says
// must not outweigh all others.
const maxReported = 1 << 14

// note takes a report in (RFC 3550, section 6.4.1).
func (t *receptionTracker) add(r *rtcp.ReceptionReport) {
	expected := int64(int32(r.LastSequenceNumber - t.highest))
	lost := int64(int32((r.TotalLost-t.lost)<<8) >> 8)
	first := !t.started
	t.started, t.highest, t.lost = true, r.LastSequenceNumber, r.TotalLost
	if first || expected < 0 || expected > maxReported {
		return
	}
	t.sum.Expected += expected
	t.sum.Lost += max(-maxReported, min(lost, expected))
}

// Reception sums what the subscriber has reported.
func (d *DownTrack) Reception() Reception {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := d.reports.reception.sum
	sum.RoundTrip = d.reports.roundTrip
	return sum
}
