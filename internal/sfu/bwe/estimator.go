package bwe

import (
	"math"
	"time"
)

const (
	// least and most bound the estimate, in bits/s: below the one even sound breaks off, above the other nothing in a
	// call is waiting.
	minBitrate, maxBitrate = 30_000, 100_000_000
	// limitedShare of the estimate is what has to be sent for the path to be tried; below, silence of the delay proves
	// nothing.
	appLimitedShare = 0.65
)

// Estimator estimates the capacity of one connection. Its caller guards it.
type Estimator struct {
	epoch    time.Time
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

	remb            float64 // the other side's own estimate, bits/s; 0 without
	lossReportBound float64 // bound by reports of loss, bits/s; 0 without
	beforeDrop      float64 // the estimate before it last fell; 0 once it is back there
	queue           int64   // on the path, by the latest feedback, µs
	lastLossReport  int64

	reference       int64 // the receiver's clock, unwrapped, µs
	lastFeedback    int64 // latest feedback, µs
	feedbacks       int
	highestReported uint16 // highest sequence number reported on
	roundTrip       int64  // µs
}

// New makes an Estimator which begins with an estimate of start bits/s.
func New(start int) *Estimator {
	return &Estimator{trend: newTrendline(), loss: newLossBound(), aimd: aimd{rate: float64(start)}}
}

// Sent notes that packet seq of size bytes left at now, as part of a probe if that is not 0.
func (e *Estimator) Sent(seq uint16, size int, probe uint8, now time.Time) {
	at := e.micros(now)
	e.history.add(seq, size, at, probe)
	e.sending.add(size, at)
	if probe != 0 {
		e.clusters.sent(probe, seq, size, at)
	}
}

// Count notes that size bytes left without a number.
func (e *Estimator) SentUnnumbered(size int, now time.Time) {
	if e.feedbacks == 0 {
		e.sending.add(size, e.micros(now))
	}
}

// BeginProbe says that packets of probe id, which is not 0, follow.
func (e *Estimator) BeginProbe(id uint8) { e.clusters.begin(id) }

// EndProbe says that all of them have been sent.
func (e *Estimator) EndProbe(id uint8) {
	if p := e.clusters.find(id); p != nil {
		p.open = false
		if p.count == 0 {
			*p = cluster{}
		}
	}
}

// probing reports whether the outcome of that probe is not known yet.
func (e *Estimator) probing(id uint8) bool { return e.clusters.find(id) != nil }

// Feedback takes one RTCP packet with transport-wide feedback.
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
		ev.usage = overuse // a full queue does not grow: it drops
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

// moved notes that the estimate was before what it no longer is.
func (e *Estimator) noteChange(before float64) {
	switch now := e.bitrate(); {
	case now < before:
		e.beforeDrop = max(e.beforeDrop, before)
	case now >= e.beforeDrop:
		e.beforeDrop = 0
	}
}

// Remote takes the other side's own estimate (draft-alvestrand-rmcat-remb-03), in bits/s. It counts as long as no
// transport-wide feedback comes.
func (e *Estimator) SetREMB(bitrate float64) {
	if bitrate >= 0 { // neither below nor not a number
		before, first := e.bitrate(), e.remb == 0
		e.remb = max(minBitrate, min(bitrate, maxBitrate))
		if !first { // what came before was only our guess
			e.noteChange(before)
		}
	}
}

// Report takes the share of loss in a receiver report, from 0 to 1. It counts as long as nothing better comes
// (draft-ietf-rmcat-gcc-02, section 6).
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

// Known reports whether the estimate rests on anything that the other side has said.
func (e *Estimator) Known() bool { return e.feedbacks > 0 || e.remb > 0 || e.lossReportBound > 0 }

// Full reports whether the path has shown that it carries no more, and not yet the contrary.
func (e *Estimator) AtCapacity() bool { return e.beforeDrop > 0 }

// take goes through the report and returns how many packets it has decided about and how many of them were lost; false
// when it is about nothing that is known to be under way.
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
			lost-- // counted already
		} else {
			sent++
		}
		p.outcome = packetReceived
		e.handleArrival(p, e.unwrap(arrival), now)
	}
	return sent, lost, ok
}

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

// unwrap extends the receiver's clock, which wraps around every twelve days.
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

// Bitrate is the estimate in bits/s.
func (e *Estimator) Bitrate() int { return int(e.bitrate()) }

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

// congestionStale is how long what the feedback said of the delay holds, µs: more than clients let pass between two while
// packets come. Without any, as when all pictures are paused, nothing would ever say that the queue has emptied.
const feedbackLifetime = 1_000_000

// Congested reports whether the delay grows at the moment.
func (e *Estimator) Congested(now time.Time) bool {
	return e.trend.state == overuse && e.micros(now)-e.lastFeedback < feedbackLifetime
}

// RoundTrip is that of the latest packets, the other side's wait before it answers included; 0 while unknown.
func (e *Estimator) RoundTrip() time.Duration { return time.Duration(e.roundTrip) * time.Microsecond }

// Queue is how long packets wait on the path at the moment; 0 when they hardly do.
func (e *Estimator) Queue(now time.Time) time.Duration {
	if e.queue <= standingQueueDelay || e.micros(now)-e.lastFeedback >= feedbackLifetime {
		return 0
	}
	return time.Duration(e.queue) * time.Microsecond
}

// Feedbacks returns how many feedbacks have come and when the latest did.
func (e *Estimator) Feedbacks() (count int, latest time.Time) {
	return e.feedbacks, e.epoch.Add(time.Duration(e.lastFeedback) * time.Microsecond)
}

// Sending is what was sent lately, in bits/s.
func (e *Estimator) SendRate(now time.Time) int { return int(e.sending.rate(e.micros(now))) }

// micros is the time since the first call, in µs.
func (e *Estimator) micros(now time.Time) int64 {
	if e.epoch.IsZero() {
		e.epoch = now.Add(-time.Second) // so that 0 can mean never
	}
	return now.Sub(e.epoch).Microseconds()
}
