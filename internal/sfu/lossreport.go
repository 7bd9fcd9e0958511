package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

// lossMemory is how long a subscriber's report of loss counts: browsers report on sound every five seconds or so
// (RFC 3550, section 6.2).
const lossMemory = 6 * time.Second

// reportedLoss is the loss a subscriber last reported.
type reportedLoss struct {
	fraction uint8 // of 256
	at       time.Time
}

// note takes a report in.
func (l *reportedLoss) note(r *rtcp.ReceptionReport, now time.Time) {
	*l = reportedLoss{r.FractionLost, now}
}

// Loss returns the loss the subscriber has reported lately, in 256ths.
func (d *DownTrack) Loss(now time.Time) uint8 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.reports.loss.at) > lossMemory {
		return 0
	}
	return d.reports.loss.fraction
}

// worstLoss returns the highest loss of all sinks. Publishers of sound get it in receiver reports in place of the loss on
// their own path, so that they send as much error correction as the worst path needs (docs/protocol.md, 12.5). The count
// of lost packets stays that of their own path: by it they judge their bandwidth.
func (r *Receiver) highestSinkLoss(now time.Time) uint8 {
	var worst uint8
	for _, s := range *r.sinks.Load() {
		worst = max(worst, s.Loss(now))
	}
	return worst
}
