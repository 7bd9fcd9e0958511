package bwe

import (
	"math"
	"time"
)

const (
	// minBitrate and maxBitrate bound the estimate in bits/s. Below minBitrate even audio would fail. No call needs
	// more than maxBitrate.
	minBitrate, maxBitrate = 30_000, 100_000_000
	// appLimitedShare is the share of the estimate that must be sent to test the path. If less is sent, a constant
	// delay proves nothing.
	appLimitedShare = 0.65
)

// Estimator estimates the bandwidth of one connection. The caller must serialize the calls.
type Estimator struct {
	epoch    time.Time // times are stored in µs since then
	history  history
	report   report
	grouper  grouper
	trend    trendline
	delay    baseDelay
	arrivals throughput
	sending  meter
	aimd     aimd
	loss     lossBound
	clusters clusters

	remb            float64 // the receiver's own estimate, bits/s; 0: none
	lossReportBound float64 // bound by loss in receiver reports, bits/s; 0: none
	beforeDrop      float64 // the estimate before it last fell; 0 once it is reached again
	queue           int64   // queueing delay in the latest feedback, µs
	lastLossReport  int64   // µs

	reference       int64 // the receiver's clock without wrapping, µs
	lastFeedback    int64 // µs
	feedbacks       int
	highestReported uint16 // highest sequence number in any feedback
	roundTrip       int64  // µs
}

// New returns an Estimator. start is the initial estimate in bits/s.
func New(start int) *Estimator {
	return &Estimator{trend: newTrendline(), loss: newLossBound(), aimd: aimd{rate: float64(start)}}
}

// Sent records that packet seq of size bytes was sent at now. probe is the id of the probe that it belongs to, 0 if
// none.
func (e *Estimator) Sent(seq uint16, size int, probe uint8, now time.Time) {
	at := e.micros(now)
	e.history.add(seq, size, at, probe)
	e.sending.add(size, at)
	if probe != 0 {
		e.clusters.sent(probe, seq, size, at)
	}
}

// SentUnnumbered records size bytes that were sent without a transport-wide sequence number.
func (e *Estimator) SentUnnumbered(size int, now time.Time) {
	if e.feedbacks == 0 {
		e.sending.add(size, e.micros(now))
	}
}

// BeginProbe starts probe id, which must not be 0. Pass id to Sent for its packets.
func (e *Estimator) BeginProbe(id uint8) { e.clusters.begin(id) }

// EndProbe says that all packets of probe id have been sent.
func (e *Estimator) EndProbe(id uint8) {
	if p := e.clusters.find(id); p != nil {
		p.open = false
		if p.count == 0 {
			*p = cluster{}
		}
	}
}

// probing reports whether the result of probe id is still unknown.
func (e *Estimator) probing(id uint8) bool { return e.clusters.find(id) != nil }

// HandleFeedback updates the estimate with one RTCP packet of transport-wide feedback.
func (e *Estimator) HandleFeedback(raw []byte, now time.Time) error {
	if err := e.report.parse(raw); err != nil {
		return err
	}
	at := e.micros(now)
	sent, lost, ok := e.processReport(at)
	if !ok {
		return nil // nothing new
	}
	e.lastFeedback = at
	e.feedbacks++
	e.delay.checkStandingQueue(sent, lost, e.sending.rate(at), e.roundTrip, at)
	e.queue = e.delay.queue()
	before := e.bitrate()
	ev := feedbackSummary{
		usage: e.trend.state, delivered: e.arrivals.rate, recent: e.arrivals.recent, sent: e.sending.rate(at),
		roundTrip: e.roundTrip, standingQueue: e.queue > standingQueueDelay,
	}
	ev.appLimited = ev.sent < appLimitedShare*e.aimd.rate
	if ev.standingQueue && ev.usage == normal && lost > 0 {
		ev.usage = overuse // a full queue does not grow, it drops packets
	}
	e.aimd.update(ev, at)
	e.loss.add(sent, lost, ev, e.bitrate(), at)
	if rate := e.clusters.done(e.highestReported); rate > 0 && e.trend.state != overuse {
		e.aimd.raise(rate, at)
		e.loss.raise(rate)
	}
	e.aimd.rate = max(minBitrate, min(e.aimd.rate, maxBitrate))
	e.loss.rate = max(minBitrate, e.loss.rate)
	e.noteChange(before)
	return nil
}

// noteChange updates beforeDrop after the estimate changed. before is the previous estimate in bits/s.
func (e *Estimator) noteChange(before float64) {
	switch now := e.bitrate(); {
	case now < before:
		e.beforeDrop = max(e.beforeDrop, before)
	case now >= e.beforeDrop:
		e.beforeDrop = 0
	}
}

// SetREMB sets the receiver's own estimate in bits/s (draft-alvestrand-rmcat-remb-03). It is used until transport-wide
// feedback arrives.
func (e *Estimator) SetREMB(bitrate float64) {
	if bitrate >= 0 { // neither negative nor NaN
		before, first := e.bitrate(), e.remb == 0
		e.remb = max(minBitrate, min(bitrate, maxBitrate))
		if !first { // the estimate before it was a guess
			e.noteChange(before)
		}
	}
}

// HandleLoss updates the estimate with the share of lost packets in a receiver report, from 0 to 1
// (draft-ietf-rmcat-gcc-02, section 6). It is used until REMB or transport-wide feedback arrives.
func (e *Estimator) HandleLoss(loss float64, now time.Time) {
	if e.feedbacks > 0 {
		return
	}
	at := e.micros(now)
	elapsed := min(float64(at-e.lastLossReport)/1e6, 1)
	e.lastLossReport = at
	switch {
	case loss > lossHigh && e.sending.rate(at) > 0:
		from := e.sending.rate(at)
		if e.lossReportBound > 0 {
			from = min(from, e.lossReportBound)
		}
		e.lossReportBound = max(minBitrate, from*(1-loss/2))
		e.beforeDrop = max(e.beforeDrop, from)
	case loss < lossLow && e.lossReportBound > 0:
		if e.lossReportBound *= math.Pow(growthPerSecond, elapsed); e.lossReportBound > maxBitrate {
			e.lossReportBound = 0
		}
		if e.lossReportBound == 0 || e.lossReportBound > e.beforeDrop {
			e.beforeDrop = 0
		}
	}
}

// Known reports whether the estimate is based on feedback of any kind.
func (e *Estimator) Known() bool { return e.feedbacks > 0 || e.remb > 0 || e.lossReportBound > 0 }

// AtCapacity reports whether the estimate has fallen and not yet recovered, so that the path is known to carry no more.
func (e *Estimator) AtCapacity() bool { return e.beforeDrop > 0 }

// processReport processes the decoded feedback. sent is the number of packets whose outcome became known, and lost is
// the number of lost ones among them. A packet that was reported lost before and has arrived late reduces lost by one.
// ok is false if the feedback contains nothing new.
func (e *Estimator) processReport(now int64) (sent, lost int, ok bool) {
	r := &e.report
	e.delay.startFeedback()
	next := 0
	for i, status := range r.statuses {
		seq := r.base + uint16(i)
		received := status != 0
		var arrival int64
		if received {
			arrival = r.arrivals[next]
			next++
		}
		p := e.history.find(seq, now)
		if p == nil || p.outcome == packetReceived || !received && p.outcome == packetLost {
			continue
		}
		if !ok || int16(seq-e.highestReported) > 0 {
			e.highestReported = seq
		}
		ok = true
		if !received {
			p.outcome = packetLost
			sent++
			lost++
			continue
		}
		if p.outcome == packetLost {
			lost-- // it was counted before
		} else {
			sent++
		}
		p.outcome = packetReceived
		e.handleArrival(p, e.unwrap(arrival), now)
	}
	return sent, lost, ok
}

// handleArrival updates all measurements with a packet that was reported as received.
func (e *Estimator) handleArrival(p *sentPacket, arrival, now int64) {
	if e.roundTrip = now - p.sentAt; e.roundTrip < 0 {
		e.roundTrip = 0
	}
	e.arrivals.add(int(p.size), arrival)
	e.delay.add(arrival-p.sentAt, now)
	if p.probe != 0 {
		e.clusters.arrived(p.probe, int(p.size), arrival)
	}
	if sentDelta, arrivalDelta, ok := e.grouper.add(p.sentAt, arrival); ok {
		e.trend.add(sentDelta, arrivalDelta, arrival)
	}
}

// unwrap converts a time of the receiver's clock, which wraps every twelve days, to a time that does not wrap. Both are
// in µs.
func (e *Estimator) unwrap(arrival int64) int64 {
	const cycle = int64(referenceUnit) << 24
	diff := (arrival - e.reference) % cycle
	switch {
	case diff > cycle/2:
		diff -= cycle
	case diff < -cycle/2:
		diff += cycle
	}
	e.reference += diff
	return e.reference
}

// Bitrate returns the estimate in bits/s.
func (e *Estimator) Bitrate() int { return int(e.bitrate()) }

// bitrate returns the estimate by the best kind of feedback that has arrived, in bits/s.
func (e *Estimator) bitrate() float64 {
	switch {
	case e.feedbacks > 0:
		return max(minBitrate, min(e.aimd.rate, e.loss.rate))
	case e.remb > 0:
		return e.remb
	case e.lossReportBound > 0:
		return e.lossReportBound
	}
	return e.aimd.rate
}

// feedbackLifetime is how long the delay in a feedback remains valid, in µs. Clients send feedback more often while
// they receive packets. If all video is paused, no feedback would ever report that the queue has drained.
const feedbackLifetime = 1_000_000

// Congested reports whether the queueing delay is growing.
func (e *Estimator) Congested(now time.Time) bool {
	return e.trend.state == overuse && e.micros(now)-e.lastFeedback < feedbackLifetime
}

// RoundTrip returns the round-trip time of the latest packets, including the receiver's delay before its feedback. It
// returns 0 while the time is unknown.
func (e *Estimator) RoundTrip() time.Duration { return time.Duration(e.roundTrip) * time.Microsecond }

// Queue returns the current queueing delay on the path. It returns 0 if the delay is at most standingQueueDelay, or if
// the latest feedback is older than feedbackLifetime.
func (e *Estimator) Queue(now time.Time) time.Duration {
	if e.queue <= standingQueueDelay || e.micros(now)-e.lastFeedback >= feedbackLifetime {
		return 0
	}
	return time.Duration(e.queue) * time.Microsecond
}

// Feedbacks returns the number of feedback packets and the arrival time of the latest one.
func (e *Estimator) Feedbacks() (count int, latest time.Time) {
	return e.feedbacks, e.epoch.Add(time.Duration(e.lastFeedback) * time.Microsecond)
}

// SendRate returns the bitrate sent in the last half second, in bits/s.
func (e *Estimator) SendRate(now time.Time) int { return int(e.sending.rate(e.micros(now))) }

// micros converts now to µs since the epoch. The first call sets the epoch.
func (e *Estimator) micros(now time.Time) int64 {
	if e.epoch.IsZero() {
		e.epoch = now.Add(-time.Second) // so that 0 means never
	}
	return now.Sub(e.epoch).Microseconds()
}
