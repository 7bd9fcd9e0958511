package pacer

import (
	"time"

	"github.com/pion/rtcp"

	"meet/internal/sfu/bwe"
)

// feedbackStale is how long after the first number a client that promised feedback may keep silent; then there is nothing
// to estimate from.
const feedbackTimeout = 2 * time.Second

// promise is the feedback that the client has negotiated.
type twccSupport uint8

const (
	twccUnknown    twccSupport = iota // nothing yet
	twccNegotiated                    // it answers transport-wide numbers with feedback
	twccAbsent
)

// Negotiated notes what a video track has negotiated.
func (p *Pacer) SetTWCC(numbers bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if numbers {
		p.twcc = twccNegotiated
	} else if p.twcc == twccUnknown {
		p.twcc = twccAbsent
	}
}

// awaitedLocked reports whether feedback has yet to come.
func (p *Pacer) awaitingFeedbackLocked(now time.Time) bool {
	switch p.twcc {
	case twccUnknown:
		return true
	case twccNegotiated:
		return p.firstNumbered.IsZero() || now.Sub(p.firstNumbered) < feedbackTimeout
	}
	return false
}

// HandleRTCP takes one RTCP packet with what the client says of its connection, and reports whether it was that.
func (p *Pacer) HandleRTCP(raw []byte, now time.Time) bool {
	if !p.parseFeedback(raw, now) {
		return false
	}
	p.mu.Lock()
	changed := p.onChange
	p.mu.Unlock()
	if changed != nil {
		changed(now)
	}
	return true
}

func (p *Pacer) parseFeedback(raw []byte, now time.Time) bool {
	switch {
	case bwe.IsFeedback(raw):
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = p.estimator.HandleFeedback(raw, now) // a subscriber's garbage is its own loss
	case isREMB(raw):
		remb := &rtcp.ReceiverEstimatedMaximumBitrate{}
		if remb.Unmarshal(raw) != nil {
			return true
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.estimator.SetREMB(float64(remb.Bitrate))
		p.countsUnnumbered.Store(true)
	default:
		return false
	}
	p.updateRateLocked(now)
	return true
}

// isREMB reports whether raw is the receiver's own estimate (draft-alvestrand-rmcat-remb-03, section 2.2).
func isREMB(raw []byte) bool {
	return len(raw) >= 20 && raw[1] == uint8(rtcp.TypePayloadSpecificFeedback) && raw[0]&0x1f == rtcp.FormatREMB && string(raw[12:16]) == "REMB"
}

// Report takes the share of loss in a receiver report.
func (p *Pacer) HandleLoss(loss float64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.estimator.HandleLoss(loss, now)
	p.updateRateLocked(now)
	if p.firstNumbered.IsZero() {
		p.countsUnnumbered.Store(true)
	}
}

// adoptLocked sets the pace by the estimate.
func (p *Pacer) updateRateLocked(now time.Time) {
	p.pacing = p.estimator.Known()
	p.estimate = float64(p.estimator.Bitrate()) / 8
	p.rate = pacingFactor * p.estimate
	if p.estimator.Queue(now) > 0 {
		p.rate = queuedPacingFactor * p.estimate
	}
}

// Capacity describes how much a connection carries, as far as it is known.
type Capacity struct {
	Bitrate     int           // bits/s
	AtCapacity  bool          // the path has shown that it carries no more
	Known       bool          // false: there is nothing to go by, now or ever
	DelayStable bool          // the delay does not grow
	Queue       time.Duration // how long packets wait on the path
	HasFeedback bool          // the subscriber says what became of each packet, padding included
}

// Capacity returns what is known now.
func (p *Pacer) Capacity(now time.Time) Capacity {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.estimator
	feedbacks, _ := e.Feedbacks()
	return Capacity{
		Bitrate: e.Bitrate(), AtCapacity: e.AtCapacity(), Known: e.Known() || p.awaitingFeedbackLocked(now), DelayStable: !e.Congested(now), Queue: e.Queue(now),
		HasFeedback: feedbacks > 0,
	}
}

// Probe begins a probe if more than the estimate is wanted, in bits/s, and it is time for one. pad sends a packet of
// about size bytes that is nothing but padding and returns what it came to; 0 if it could not.
func (p *Pacer) Probe(wanted int, now time.Time, pad func(now time.Time, size int) int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.probe.ends.IsZero() || len(p.queue) > 0 || p.closed {
		return
	}
	next, due := p.prober.Next(p.estimator, wanted, now)
	if !due {
		return
	}
	p.estimator.BeginProbe(next.ID)
	p.probe = activeProbe{Probe: next, began: now, ends: now.Add(next.Duration), pad: pad}
	p.startLocked()
}

// padOut sends the padding that is due, and reports whether a probe is under way.
func (p *Pacer) sendProbePadding(now time.Time) bool {
	p.mu.Lock()
	probe := p.probe
	if probe.ends.IsZero() {
		p.mu.Unlock()
		return false
	}
	if now.After(probe.ends) {
		p.estimator.EndProbe(probe.ID)
		p.probe = activeProbe{}
		p.mu.Unlock()
		return false
	}
	p.mu.Unlock()
	due := int(now.Sub(probe.began).Seconds()*float64(probe.Rate)/8) - probe.bytes
	for due > 0 {
		size := probe.pad(now, min(due, MaxPadding))
		if size == 0 {
			break
		}
		due -= size
	}
	return true
}
