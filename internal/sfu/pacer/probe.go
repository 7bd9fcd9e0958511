package pacer

import (
	"time"

	"github.com/pion/rtcp"

	"meet/internal/sfu/bwe"
)

// feedbackTimeout is how long the Pacer waits for transport-wide feedback after the first numbered packet. Without
// feedback by then, there is no estimate.
const feedbackTimeout = 2 * time.Second

// twccSupport says whether the client has negotiated transport-wide feedback.
type twccSupport uint8

const (
	twccUnknown    twccSupport = iota // no video was negotiated yet
	twccNegotiated                    // the client sends feedback
	twccAbsent                        // the client sends none
)

// SetTWCC records whether a video track has negotiated transport-wide sequence numbers. One track is enough for
// feedback.
func (p *Pacer) SetTWCC(negotiated bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if negotiated {
		p.twcc = twccNegotiated
	} else if p.twcc == twccUnknown {
		p.twcc = twccAbsent
	}
}

// awaitingFeedbackLocked reports whether the first feedback is still expected.
func (p *Pacer) awaitingFeedbackLocked(now time.Time) bool {
	switch p.twcc {
	case twccUnknown:
		return true
	case twccNegotiated:
		return p.firstNumbered.IsZero() || now.Sub(p.firstNumbered) < feedbackTimeout
	}
	return false
}

// HandleRTCP processes one RTCP packet if it is feedback about the connection (TWCC or REMB), and reports whether it
// is.
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

// parseFeedback updates the estimate with raw, and reports whether raw is TWCC or REMB.
func (p *Pacer) parseFeedback(raw []byte, now time.Time) bool {
	switch {
	case bwe.IsFeedback(raw):
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = p.estimator.HandleFeedback(raw, now) // malformed feedback harms only its sender
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

// isREMB reports whether raw is REMB, the receiver's own estimate (draft-alvestrand-rmcat-remb-03, section 2.2).
func isREMB(raw []byte) bool {
	return len(raw) >= 20 && raw[1] == uint8(rtcp.TypePayloadSpecificFeedback) && raw[0]&0x1f == rtcp.FormatREMB && string(raw[12:16]) == "REMB"
}

// HandleLoss updates the estimate with the share of lost packets in a receiver report, from 0 to 1.
func (p *Pacer) HandleLoss(loss float64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.estimator.HandleLoss(loss, now)
	p.updateRateLocked(now)
	if p.firstNumbered.IsZero() {
		p.countsUnnumbered.Store(true)
	}
}

// updateRateLocked sets the pacing rate by the estimate.
func (p *Pacer) updateRateLocked(now time.Time) {
	p.pacing = p.estimator.Known()
	p.estimate = float64(p.estimator.Bitrate()) / 8
	p.rate = pacingFactor * p.estimate
	if p.estimator.Queue(now) > 0 {
		p.rate = queuedPacingFactor * p.estimate
	}
}

// Capacity is the estimated capacity of a connection.
type Capacity struct {
	Bitrate     int           // estimate, bits/s
	AtCapacity  bool          // the path has shown that it carries no more than Bitrate
	Known       bool          // false: the client sends no feedback, so there is no estimate
	DelayStable bool          // the queueing delay does not grow
	Queue       time.Duration // queueing delay on the path; 0 if it is short
	HasFeedback bool          // the client sends TWCC, so that padding can probe the path
}

// Capacity returns the current estimate.
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

// Probe starts a bandwidth probe if wanted, in bits/s, exceeds the estimate and the next probe is due. pad must send a
// padding packet of about size bytes and return its actual size, or 0 if it could not.
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

// sendProbePadding sends the padding that is due, and reports whether a probe is in progress.
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
