package bwe

import "math"

const (
	lossPackets = 20      // number of reported packets that make a sample
	lossWindow  = 250_000 // minimum duration of a sample, µs
	// The excess is the loss that exceeds the baseline. It counts as congestion if it is above lossHigh, and as no
	// congestion if it is below lossLow.
	lossHigh = 0.10
	lossLow  = 0.04
	// If loss has lowered the estimate and the sent bitrate has then fallen to cutWorkedShare of its earlier value, the
	// loss should also have fallen to that share. If it has not, the path itself causes the loss, which becomes the
	// baseline.
	cutWorkedShare = 0.8
	maxBaseline    = 0.5 // upper bound of the baseline
	// maxJudgedSamples limits how long judge waits for the sent bitrate to fall after the estimate was lowered, in loss
	// samples.
	maxJudgedSamples = 8
)

// lossBound bounds the estimate by packet loss. The delay shows a queue long before it overflows, so this bound is for
// paths that drop packets without queueing. Random loss, for example on radio links, does not depend on the bitrate and
// must not lower it.
type lossBound struct {
	rate        float64 // bits/s; +Inf while loss sets no bound
	baseline    float64 // share of packets that the path loses at any bitrate
	sampleStart int64   // µs

	sent, lost float64 // packets in this sample
	// The latest time that loss lowered the estimate (a cut): the loss, and the sent bitrate and the estimate before.
	// cutLoss is 0 after judge has decided.
	cutLoss, cutSent, cutFrom float64
	judgedSamples             int
}

// newLossBound returns a lossBound that sets no bound.
func newLossBound() lossBound { return lossBound{rate: math.Inf(1)} }

// add counts the reported and the lost packets of a feedback, and updates the bound when they make a complete sample.
// current is the estimate in bits/s, and now is the time in µs.
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
			rate = min(current*0.95, max(rate, e.recent)) // the received bitrate is the capacity
		}
		l.rate = rate
	case excess < lossLow:
		l.rate *= math.Pow(growthPerSecond, seconds)
		if l.rate > 2*current {
			l.rate = math.Inf(1)
		}
	}
	l.baseline = max(0, min(l.baseline, share+0.02)) // lower the baseline immediately when the path improves
}

// judge compares the loss after a cut with the loss that caused it. If much less is sent and the loss remains, the loss
// becomes the baseline and the cut is undone.
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

// raise raises the bound to the rate of a successful probe.
func (l *lossBound) raise(rate float64) { l.rate = max(l.rate, rate) }
