package sfu

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
