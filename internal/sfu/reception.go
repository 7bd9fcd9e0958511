package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

// Reception sums up a subscriber's reports on a track since the first one: packets expected and lost, and the latest
// round-trip time. Lost decreases when a packet that was counted as lost arrives late.
type Reception struct {
	Expected, Lost int64
	RoundTrip      time.Duration
}

// receptionTracker sums up the reception reports of a subscriber.
type receptionTracker struct {
	started bool      // there was a report
	highest uint32    // extended highest sequence number in the latest report
	lost    uint32    // cumulative number of packets lost in the latest report: 24 bits, signed
	sum     Reception // RoundTrip is not used
}

// maxReported is the maximum number of packets that one report can add to the sums. Reports come about once a second. A
// malicious report must not outweigh all others.
const maxReported = 1 << 14

// add adds a reception report (RFC 3550, section 6.4.1) to the sum.
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

// Reception returns the sum of the subscriber's reports.
func (d *DownTrack) Reception() Reception {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := d.reports.reception.sum
	sum.RoundTrip = d.reports.roundTrip
	return sum
}
