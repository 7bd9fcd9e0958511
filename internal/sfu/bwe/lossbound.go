package bwe

import "math"

const (
	lossPackets = 20      // outcomes that make a sample
	lossWindow  = 250_000 // µs that a sample spans at least
	// Loss above what the path always loses: more than lossHigh is congestion, and up to lossLow none.
	lossHigh = 0.10
	lossLow  = 0.04
	// lossFollows: a cut to this share should show in the loss. When it does not, the loss is the path's own.
	cutWorkedShare = 0.8
	maxBaseline    = 0.5
	// lossTries is how many samples after a cut are judged.
	maxJudgedSamples = 8
)

// lossBound bounds the estimate by loss. Delay shows a queue long before it overflows, so this is for paths that drop
// without queueing. Random loss, as of radio, does not depend on what is sent and must not cut it.
type lossBound struct {
	rate        float64 // bits/s; +Inf while loss says nothing
	baseline    float64 // share that the path loses whatever is sent
	sampleStart int64

	sent, lost float64
	// The latest cut, to judge by what follows it.
	cutLoss, cutSent, cutFrom float64
	judgedSamples             int
}

func newLossBound() lossBound { return lossBound{rate: math.Inf(1)} }

// add takes the outcomes a feedback reports; current is the estimate.
func (l *lossBound) add(sent, lost int, e feedbackSummary, current float64, now int64) {
	if l.sent == 0 {
		l.sampleStart = now
	}
	l.sent += float64(sent)
	l.lost += float64(lost)
	if l.sent < lossPackets || now-l.sampleStart < lossWindow {
		return
	}
	share, seconds := max(0, l.lost/l.sent), float64(now-l.sampleStart)/1e6
	l.sent, l.lost = 0, 0
	l.judge(share, e)
	switch excess := share - l.baseline; {
	case excess > lossHigh:
		l.cutLoss, l.cutSent, l.cutFrom, l.judgedSamples = share, e.sent, current, 0
		rate := current * (1 - excess/2)
		if e.recent > 0 && !e.appLimited {
			rate = min(current*0.95, max(rate, e.recent)) // what came through is what there is
		}
		l.rate = rate
	case excess < lossLow:
		l.rate *= math.Pow(growthPerSecond, seconds)
		if l.rate > 2*current {
			l.rate = math.Inf(1)
		}
	}
	l.baseline = max(0, min(l.baseline, share+0.02)) // a path that gets better is believed at once
}

// judge compares the loss after a cut with that before: when much less is sent and as much is lost, it is not the
// sending that loses.
func (l *lossBound) judge(share float64, e feedbackSummary) {
	if l.cutLoss == 0 {
		return
	}
	if l.judgedSamples++; l.judgedSamples > maxJudgedSamples {
		l.cutLoss = 0
		return
	}
	if e.sent > cutWorkedShare*l.cutSent {
		return
	}
	if share > cutWorkedShare*l.cutLoss && !e.standingQueue {
		l.baseline = min(share, maxBaseline)
		l.rate = max(l.rate, l.cutFrom)
	}
	l.cutLoss = 0
}

// raise takes the rate of a probe that the path has carried.
func (l *lossBound) raise(rate float64) { l.rate = max(l.rate, rate) }
