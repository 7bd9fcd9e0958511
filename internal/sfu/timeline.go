package sfu

import "time"

// maxClockStep is the most by which a publisher's clock and the packets' arrivals may disagree on how much time has passed.
// With more the publisher has set its clock, or its timestamps have stood still or wrapped around in a pause: arrivals
// decide then. It is longer than any path holds packets back before the connection is given up.
const maxClockStep = 30 * time.Second

// timeline dates the packets of the streams that a LayerSink passes on, one after another, on the publisher's clock.
type timeline struct {
	rate uint32 // of timestamps, Hz

	// Of the newest packet.
	at         time.Time // zero while unknown
	arrival    time.Time
	seq        uint16
	timestamp  uint32
	sameStream bool // the next packet is of the same stream

	clockShift time.Duration // by how much the publisher has set its clock back
}

// restart notes that the next packet is the first of a stream, which counts from other origins.
func (m *timeline) restart() { m.sameStream = false }

// next returns the moment of p, by the clock of its layer if known; zero while there is nothing to tell it by.
func (m *timeline) next(p *Packet, clock Clock, known bool) time.Time {
	elapsed, stamp := p.Arrival.Sub(m.arrival), p.Header.Timestamp
	follows := m.sameStream && elapsed <= maxClockStep // else numbers and timestamps may have wrapped around
	late := follows && int16(p.Header.SequenceNumber-m.seq) < 0
	if (late || follows && stamp == m.timestamp) && !m.at.IsZero() {
		return Clock{Sent: m.at, Timestamp: m.timestamp, Rate: m.rate}.Time(stamp)
	}
	at := m.at
	if !at.IsZero() {
		at = at.Add(elapsed)
	}
	if known {
		at = m.correct(clock.Time(stamp), at)
	}
	if late { // and no moment was known yet
		return at
	}
	if at.Before(m.at) { // two reports disagree by less than a picture, or the clock was set back a little
		at = m.at
	}
	m.at, m.arrival, m.seq, m.timestamp, m.sameStream = at, p.Arrival, p.Header.SequenceNumber, stamp, true
	return at
}

// compare returns the moment by the publisher's clock, corrected if that was set since; arrived is the moment by arrival,
// zero if there is none.
func (m *timeline) correct(clock, arrived time.Time) time.Time {
	agrees := func(at time.Time) bool { return arrived.IsZero() || at.Sub(arrived).Abs() <= maxClockStep }
	if agrees(clock) {
		m.clockShift = 0
	} else if !agrees(clock.Add(m.clockShift)) {
		m.clockShift = arrived.Sub(clock)
	}
	return clock.Add(m.clockShift)
}
