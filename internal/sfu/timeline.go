package sfu

import "time"

// maxClockStep bounds how much the time between two packets may differ between the publisher's clock and the server's
// clock. A larger difference means that the publisher set its clock, or that its timestamps stopped or wrapped during a
// pause. The packets' times are then computed from their arrivals. A delay on the path cannot be the cause of such a
// difference, because the connection would have ended before.
const maxClockStep = 30 * time.Second

// timeline computes the times of a LayerSink's packets on the publisher's clock. The packets may come from several
// streams, one after another.
type timeline struct {
	rate uint32 // of RTP timestamps, Hz

	// The fields below describe the newest packet.
	at         time.Time // on the publisher's clock; zero while unknown
	arrival    time.Time
	seq        uint16
	timestamp  uint32
	sameStream bool // the next packet belongs to the same stream

	clockShift time.Duration // correction for steps that the publisher set its clock by
}

// restart says that the next packet is the first of another stream, with unrelated sequence numbers and timestamps.
func (m *timeline) restart() { m.sameStream = false }

// next returns the time of p on the publisher's clock, or zero while it cannot be computed. If known is set, clock is
// the clock of p's layer.
func (m *timeline) next(p *Packet, clock Clock, known bool) time.Time {
	elapsed, stamp := p.Arrival.Sub(m.arrival), p.Header.Timestamp
	follows := m.sameStream && elapsed <= maxClockStep // otherwise sequence numbers and timestamps may have wrapped
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
	if late { // and no time is known yet
		return at
	}
	if at.Before(m.at) { // two reports differ by less than a frame, or the clock was set back a little
		at = m.at
	}
	m.at, m.arrival, m.seq, m.timestamp, m.sameStream = at, p.Arrival, p.Header.SequenceNumber, stamp, true
	return at
}

// correct returns the time of a packet on the publisher's clock. reported is that time according to the latest sender
// report. estimated is that time according to the packet's arrival, or zero if unknown. If the two differ by more than
// maxClockStep, the publisher has set its clock to another time. The result is then corrected by the difference.
func (m *timeline) correct(reported, estimated time.Time) time.Time {
	agrees := func(at time.Time) bool { return estimated.IsZero() || at.Sub(estimated).Abs() <= maxClockStep }
	if agrees(reported) {
		m.clockShift = 0
	} else if !agrees(reported.Add(m.clockShift)) {
		m.clockShift = estimated.Sub(reported)
	}
	return reported.Add(m.clockShift)
}
