package sfu

import "time"

// Clock maps the RTP timestamps of one layer to its publisher's wall clock. It is made from one sender report. Audio
// and video of one publisher have the same wall clock. That clock may differ from the server's clock. The difference is
// Arrived - Sent minus the time that the report traveled. If there are several reports, the one with the smallest
// Arrived - Sent is therefore the most exact.
type Clock struct {
	// Sent is the time of the report on the publisher's clock, and Timestamp is the RTP timestamp of that time. Arrived
	// is the time when the report arrived, on the server's clock.
	Sent, Arrived time.Time
	Timestamp     uint32
	Rate          uint32 // Hz, of the RTP timestamps
}

// Clock returns the clock of layer n according to its latest sender report. It returns false if there was no report
// yet, or if the latest report contains no wall clock time.
func (r *Receiver) Clock(n int) (Clock, bool) {
	l := r.layer(n)
	if l == nil {
		return Clock{}, false
	}
	return l.clock()
}

// clock returns the layer's clock; see Receiver.Clock.
func (l *layer) clock() (Clock, bool) {
	sr := l.senderReport()
	if sr.at.IsZero() || sr.ntp == 0 { // a sender without a clock may write 0 (RFC 3550, section 6.4.1)
		return Clock{}, false
	}
	return Clock{Sent: ntpTime(sr.ntp), Arrived: sr.at, Timestamp: sr.rtp, Rate: l.r.options.ClockRate}, true
}

// Time returns the publisher's wall clock time for an RTP timestamp. The timestamp may be up to half of the 32-bit
// range before or after the report.
func (c Clock) Time(timestamp uint32) time.Time {
	since := int64(int32(timestamp - c.Timestamp))
	return c.Sent.Add(time.Duration(since * int64(time.Second) / int64(max(1, c.Rate))))
}

// ntpEpoch is 1900-01-01 in Unix seconds. ntpEra is the number of seconds after which NTP time wraps (RFC 5905, section
// 6).
const (
	ntpEpoch = -2_208_988_800
	ntpEra   = 1 << 32
)

// ntpTime converts an NTP timestamp, 32.32 fixed point seconds (RFC 3550, section 4). If its highest bit is set, the
// timestamp counts from 1900. Otherwise it counts from 2036, when NTP time wraps.
func ntpTime(ntp uint64) time.Time {
	seconds := int64(ntp>>32) + ntpEpoch
	if ntp>>63 == 0 {
		seconds += ntpEra
	}
	return time.Unix(seconds, int64(ntp&0xffffffff*1_000_000_000>>32))
}

// align returns the offset between the RTP timestamps of two layers, whose indexes are first and second. A timestamp of
// the second layer plus this offset is the timestamp of the first layer at the same time. align computes it from the
// latest sender reports of both layers. It returns false until both have arrived.
func (r *Receiver) align(first, second int) (uint32, bool) {
	a, b := r.layer(first), r.layer(second)
	if a == nil || b == nil {
		return 0, false
	}
	sa, sb := a.senderReport(), b.senderReport()
	if sa.at.IsZero() || sb.at.IsZero() {
		return 0, false
	}
	// The time between the two reports, in timestamp units.
	apart := float64(int64(sb.ntp-sa.ntp)) / (1 << 32) * float64(r.options.ClockRate)
	return sa.rtp + uint32(int32(apart)) - sb.rtp, true
}
