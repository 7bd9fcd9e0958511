package bwe

import (
	"time"
)

const (
	// least and most bound the estimate, in bits/s: below the one even sound breaks off, above the other nothing in a
	// call is waiting.
	least, most = 30_000, 100_000_000
	// limitedShare of the estimate is what has to be sent for the path to be tried; below, silence of the delay proves
	// nothing.
	limitedShare = 0.65
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

	reference int64 // the receiver's clock, unwrapped, µs
	heard     int64 // latest feedback, µs
	feedbacks int
	known     uint16 // highest sequence number reported on
	roundTrip int64  // µs
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

// Feedback takes one RTCP packet with transport-wide feedback.
func (e *Estimator) Feedback(raw []byte, now time.Time) error {
	if err := e.report.parse(raw); err != nil {
		return err
	}
	at := e.micros(now)
	sent, lost, ok := e.take(at)
	if !ok {
		return nil // nothing new
	}
	e.heard = at
	e.feedbacks++
	ev := evidence{
		usage: e.trend.state, delivered: e.arrivals.rate, recent: e.arrivals.recent, sent: e.sending.rate(at),
		roundTrip: e.roundTrip, standing: e.delay.queue() > standing,
	}
	ev.limited = ev.sent < limitedShare*e.aimd.rate
	if ev.standing && ev.usage == normal && lost > 0 {
		ev.usage = overuse // a full queue does not grow: it drops
	}
	e.aimd.update(ev, at)
	e.loss.add(sent, lost, ev, e.bitrate(), at)
	if rate := e.clusters.done(e.known); rate > 0 && e.trend.state != overuse {
		e.aimd.raise(rate, at)
		e.loss.raise(rate)
	}
	e.aimd.rate = max(least, min(e.aimd.rate, most))
	e.loss.rate = max(least, e.loss.rate)
	return nil
}

// take goes through the report and returns how many packets it has decided about and how many of them were lost; false
// when it is about nothing that is known to be under way.
func (e *Estimator) take(now int64) (sent, lost int, ok bool) {
	r := &e.report
	e.delay.begin()
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
		if p == nil || p.fate == arrived || !received && p.fate == missing {
			continue
		}
		if !ok || int16(seq-e.known) > 0 {
			e.known = seq
		}
		ok = true
		if !received {
			p.fate = missing
			sent++
			lost++
			continue
		}
		if p.fate == missing {
			lost-- // counted already
		} else {
			sent++
		}
		p.fate = arrived
		e.arrive(p, e.unwrap(arrival), now)
	}
	return sent, lost, ok
}

func (e *Estimator) arrive(p *packet, arrival, now int64) {
	if e.roundTrip = now - p.at; e.roundTrip < 0 {
		e.roundTrip = 0
	}
	e.arrivals.add(int(p.size), arrival)
	e.delay.add(arrival-p.at, now)
	if p.probe != 0 {
		e.clusters.arrived(p.probe, int(p.size), arrival)
	}
	if sentDelta, arrivalDelta, ok := e.grouper.add(p.at, arrival); ok {
		e.trend.add(sentDelta, arrivalDelta, arrival)
	}
}

// unwrap brings the receiver's clock, which begins anew each twelve days, into one line.
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

func (e *Estimator) bitrate() float64 { return max(least, min(e.aimd.rate, e.loss.rate)) }

// Congested tells whether the delay grows at the moment.
func (e *Estimator) Congested() bool { return e.trend.state == overuse }

// Heard tells how many feedbacks have come and when the latest did.
func (e *Estimator) Heard() (count int, latest time.Time) {
	return e.feedbacks, e.epoch.Add(time.Duration(e.heard) * time.Microsecond)
}

// Sending is what was sent lately, in bits/s.
func (e *Estimator) Sending(now time.Time) int { return int(e.sending.rate(e.micros(now))) }

// micros is the time since the first call, in µs.
func (e *Estimator) micros(now time.Time) int64 {
	if e.epoch.IsZero() {
		e.epoch = now.Add(-time.Second) // so that 0 can mean never
	}
	return now.Sub(e.epoch).Microseconds()
}
