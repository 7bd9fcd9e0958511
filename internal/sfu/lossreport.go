package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

// lossMemory is how long a subscriber's loss report remains valid. Browsers send reports about audio every five seconds
// or so (RFC 3550, section 6.2).
const lossMemory = 6 * time.Second

// reportedLoss is the loss in a subscriber's latest report.
type reportedLoss struct {
	fraction uint8 // in 1/256
	at       time.Time
}

// note stores the packet loss that the reception report r states.
func (l *reportedLoss) note(r *rtcp.ReceptionReport, now time.Time) {
	*l = reportedLoss{r.FractionLost, now}
}

// Loss returns the loss in the subscriber's latest report, in 1/256. It returns 0 if the report is older than
// lossMemory.
func (d *DownTrack) Loss(now time.Time) uint8 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.reports.loss.at) > lossMemory {
		return 0
	}
	return d.reports.loss.fraction
}

// highestSinkLoss returns the highest loss of all sinks, in 1/256. In receiver reports on audio, the fraction lost is
// at least this value, so that the publisher sends as much error correction as the worst path needs (docs/protocol.md,
// 12.5). The number of lost packets in these reports is still that of the publisher's own path, because the publisher
// estimates its bandwidth from it.
func (r *Receiver) highestSinkLoss(now time.Time) uint8 {
	var worst uint8
	for _, s := range *r.sinks.Load() {
		worst = max(worst, s.Loss(now))
	}
	return worst
}
