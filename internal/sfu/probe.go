package sfu

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"meet/internal/sfu/bwe"
)

// feedbackStale is how long after the first number a client that promised feedback may keep silent; then there is nothing
// to estimate from.
const feedbackStale = 2 * time.Second

// promise is what the client has negotiated.
type promise uint8

const (
	promiseUnknown promise = iota // nothing yet
	promiseMade                   // it answers transport-wide numbers with feedback
	promiseNone
)

// promised notes what a video track has negotiated.
func (p *Pacer) promised(numbers bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if numbers {
		p.promise = promiseMade
	} else if p.promise == promiseUnknown {
		p.promise = promiseNone
	}
}

// awaitedLocked tells whether feedback has yet to come.
func (p *Pacer) awaitedLocked(now time.Time) bool {
	switch p.promise {
	case promiseUnknown:
		return true
	case promiseMade:
		return p.numbered.IsZero() || now.Sub(p.numbered) < feedbackStale
	}
	return false
}

// feedback takes one RTCP packet with what the client says of its connection, and tells whether it was that.
func (p *Pacer) feedback(raw []byte, now time.Time) bool {
	if !p.learn(raw, now) {
		return false
	}
	p.mu.Lock()
	heard := p.heard
	p.mu.Unlock()
	if heard != nil {
		heard(now)
	}
	return true
}

func (p *Pacer) learn(raw []byte, now time.Time) bool {
	switch {
	case bwe.IsFeedback(raw):
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = p.estimator.Feedback(raw, now) // a subscriber's garbage is its own loss
	case isREMB(raw):
		remb := &rtcp.ReceiverEstimatedMaximumBitrate{}
		if remb.Unmarshal(raw) != nil {
			return true
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.estimator.Remote(float64(remb.Bitrate))
		p.meters.Store(true)
	default:
		return false
	}
	p.adoptLocked(now)
	return true
}

// isREMB tells whether raw is the receiver's own estimate (draft-alvestrand-rmcat-remb-03, section 2.2).
func isREMB(raw []byte) bool {
	return len(raw) >= 20 && raw[1] == uint8(rtcp.TypePayloadSpecificFeedback) && raw[0]&0x1f == rtcp.FormatREMB && string(raw[12:16]) == "REMB"
}

// report takes the share of loss in a receiver report.
func (p *Pacer) report(loss float64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.estimator.Report(loss, now)
	p.adoptLocked(now)
	if p.numbered.IsZero() {
		p.meters.Store(true)
	}
}

// adoptLocked sets the pace by the estimate.
func (p *Pacer) adoptLocked(now time.Time) {
	p.paces = p.estimator.Known()
	p.estimate = float64(p.estimator.Bitrate()) / 8
	p.rate = paceFactor * p.estimate
	if p.estimator.Queue(now) > 0 {
		p.rate = paceQueued * p.estimate
	}
}

// capacity is what is known of a connection.
type capacity struct {
	bitrate int           // bits/s
	full    bool          // the path has shown that it carries no more
	known   bool          // false: there is nothing to go by, now or ever
	calm    bool          // the delay does not grow
	queue   time.Duration // how long packets wait on the path
	answers bool          // the subscriber says what became of each packet, padding included
}

// capacity returns what is known now.
func (p *Pacer) capacity(now time.Time) capacity {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.estimator
	feedbacks, _ := e.Heard()
	return capacity{
		bitrate: e.Bitrate(), full: e.Full(), known: e.Known() || p.awaitedLocked(now), calm: !e.Congested(now), queue: e.Queue(now),
		answers: feedbacks > 0,
	}
}

// tryFor begins a probe if more than the estimate is wanted, in bits/s, and it is time for one. pad sends a packet of
// about size bytes that is nothing but padding and returns what it came to; 0 if it could not.
func (p *Pacer) tryFor(wanted int, now time.Time, pad func(now time.Time, size int) int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.probe.ends.IsZero() || len(p.waiting) > 0 || p.closed {
		return
	}
	next, due := p.prober.Due(p.estimator, wanted, now)
	if !due {
		return
	}
	p.estimator.BeginProbe(next.ID)
	p.probe = probing{Probe: next, began: now, ends: now.Add(next.Time), pad: pad}
	p.drainLocked()
}

// padOut sends the padding that is due, and tells whether a probe is under way.
func (p *Pacer) padOut(now time.Time) bool {
	p.mu.Lock()
	probe := p.probe
	if probe.ends.IsZero() {
		p.mu.Unlock()
		return false
	}
	if now.After(probe.ends) {
		p.estimator.EndProbe(probe.ID)
		p.probe = probing{}
		p.mu.Unlock()
		return false
	}
	p.mu.Unlock()
	due := int(now.Sub(probe.began).Seconds()*float64(probe.Rate)/8) - probe.bytes
	for due > 0 {
		size := probe.pad(now, min(due, padMost))
		if size == 0 {
			break
		}
		due -= size
	}
	return true
}

// canPad tells whether sendPadding can.
func (d *DownTrack) canPad() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bound && d.rtxType != 0 && d.transportID != 0 && d.readyLocked()
}

// wish is what the subscriber wants of the track, and the Receiver it is of.
func (d *DownTrack) wish() (target, *Receiver) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wanted, d.receiver
}

// sendPadding sends a packet of nothing but padding on the retransmission stream, where receivers expect it (RFC 4588 has
// no payload shorter than the number it begins with), and returns its size; 0 when there is no such stream.
func (d *DownTrack) sendPadding(now time.Time, size int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.bound || d.rtxType == 0 || d.transportID == 0 || !d.readyLocked() {
		return 0
	}
	h := &d.header
	*h = rtp.Header{
		Version: 2, PayloadType: d.rtxType, SequenceNumber: d.rtxSeq, Timestamp: d.fwd.lastTS, SSRC: d.rtxSSRC,
		Padding: true, PaddingSize: uint8(max(1, min(size, padMost))), Extensions: h.Extensions[:0],
	}
	d.rtxSeq++
	d.Tap.pacer.send(&outgoing{writer: d.writer, header: h, extension: d.transportID, number: &d.number, video: true, urgent: true}, now)
	return h.MarshalSize() + int(h.PaddingSize)
}
