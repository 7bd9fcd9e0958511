package sfu

import "time"

// Clock maps the RTP timestamps of one layer to its publisher's wall clock, by a sender report. Sound and picture of one
// publisher share that clock. It may differ from the server's, by Arrived - Sent less the time the report took: the least of
// several is nearest.
type Clock struct {
	// Sent is the report's moment on the publisher's clock, Arrived on the server's, Timestamp on the layer's.
	Sent, Arrived time.Time
	Timestamp     uint32
	Rate          uint32 // Hz
}

// Clock returns the clock of layer n by the latest sender report, false until one has come that tells the time.
func (r *Receiver) Clock(n int) (Clock, bool) {
	l := r.layer(n)
	if l == nil {
		return Clock{}, false
	}
	return l.clock()
}

func (l *layer) clock() (Clock, bool) {
	sr := l.senderReport()
	if sr.at.IsZero() || sr.ntp == 0 { // a sender without a clock may write 0 (RFC 3550, section 6.4.1)
		return Clock{}, false
	}
	return Clock{Sent: ntpTime(sr.ntp), Arrived: sr.at, Timestamp: sr.rtp, Rate: l.r.options.ClockRate}, true
}

// Time returns the moment of an RTP timestamp on the publisher's clock. It may lie half the range of timestamps before or
// after the report.
func (c Clock) Time(timestamp uint32) time.Time {
	since := int64(int32(timestamp - c.Timestamp))
	return c.Sent.Add(time.Duration(since * int64(time.Second) / int64(max(1, c.Rate))))
}

// ntpEpoch is 1900-01-01 in Unix seconds, ntpEra how many seconds later the count begins again (RFC 5905, section 6).
const (
	ntpEpoch = -2_208_988_800
	ntpEra   = 1 << 32
)

// ntpTime converts 32.32 fixed point seconds (RFC 3550, section 4): with the first bit they count since 1900, without it
// since 2036.
func ntpTime(ntp uint64) time.Time {
	seconds := int64(ntp>>32) + ntpEpoch
	if ntp>>63 == 0 {
		seconds += ntpEra
	}
	return time.Unix(seconds, int64(ntp&0xffffffff*1_000_000_000>>32))
}

// align returns what must be added to timestamps of layer to so that they count as those of layer from do, by the sender
// reports of both; false until both have come.
func (r *Receiver) align(from, to int) (uint32, bool) {
	a, b := r.layer(from), r.layer(to)
	if a == nil || b == nil {
		return 0, false
	}
	sa, sb := a.senderReport(), b.senderReport()
	if sa.at.IsZero() || sb.at.IsZero() {
		return 0, false
	}
	// The moment of b's report on a's timestamps, less b's own.
	apart := float64(int64(sb.ntp-sa.ntp)) / (1 << 32) * float64(r.options.ClockRate)
	return sa.rtp + uint32(int32(apart)) - sb.rtp, true
}
