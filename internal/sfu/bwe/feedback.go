package bwe

import (
	"encoding/binary"
	"errors"
)

// Constants of transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).
const (
	rtpfb            = 205 // RTCP packet type
	formatTransport  = 15
	feedbackHeader   = 20     // bytes before the first status chunk
	referenceUnit    = 64_000 // µs
	deltaUnit        = 250    // µs
	maxRunLength     = 1<<13 - 1
	statusSmallDelta = 1
	statusLargeDelta = 2
)

// maxStatuses is the maximum number of packets in one feedback. More than historySize packets are not stored anyway.
const maxStatuses = historySize

var (
	errNotFeedback = errors.New("bwe: not transport-wide feedback")
	errFeedback    = errors.New("bwe: malformed transport-wide feedback")
)

// IsFeedback reports whether raw, one RTCP packet, is transport-wide feedback.
func IsFeedback(raw []byte) bool {
	return len(raw) >= feedbackHeader && raw[1] == rtpfb && raw[0]&0x1f == formatTransport
}

// report is a decoded feedback packet. base is the sequence number of the first packet that it describes. Its memory is
// reused.
type report struct {
	base     uint16
	statuses []uint8 // one per packet; 0: not received
	arrivals []int64 // one per received packet, in µs of the receiver's clock, which wraps at 2^24 reference units
}

// parse decodes raw, one RTCP packet.
func (r *report) parse(raw []byte) error {
	if !IsFeedback(raw) {
		return errNotFeedback
	}
	if length := 4 * (int(binary.BigEndian.Uint16(raw[2:])) + 1); length < feedbackHeader || length > len(raw) {
		return errFeedback
	} else if raw = raw[:length]; raw[0]&0x20 != 0 {
		padding := int(raw[length-1])
		if padding == 0 || padding > length-feedbackHeader {
			return errFeedback
		}
		raw = raw[:length-padding]
	}
	r.base = binary.BigEndian.Uint16(raw[12:])
	count := int(binary.BigEndian.Uint16(raw[14:]))
	reference := int64(raw[16])<<16 | int64(raw[17])<<8 | int64(raw[18])
	if count == 0 || count > maxStatuses {
		return errFeedback
	}
	rest, err := r.readStatuses(raw[feedbackHeader:], count)
	if err != nil {
		return err
	}
	return r.readDeltas(rest, reference*referenceUnit)
}

// readStatuses decodes the status chunks for count packets, and returns the bytes after them.
func (r *report) readStatuses(b []byte, count int) (rest []byte, err error) {
	r.statuses = r.statuses[:0]
	for len(r.statuses) < count {
		if len(b) < 2 {
			return nil, errFeedback
		}
		chunk := binary.BigEndian.Uint16(b)
		b = b[2:]
		left := count - len(r.statuses)
		switch {
		case chunk&0x8000 == 0: // run length
			for range min(left, int(chunk&maxRunLength)) {
				r.statuses = append(r.statuses, uint8(chunk>>13)&3)
			}
			if chunk&maxRunLength == 0 {
				return nil, errFeedback // it has no meaning, and could be repeated endlessly
			}
		case chunk&0x4000 == 0: // 14 symbols of one bit
			for i := range min(left, 14) {
				r.statuses = append(r.statuses, uint8(chunk>>(13-i))&1)
			}
		default: // 7 symbols of two bits
			for i := range min(left, 7) {
				r.statuses = append(r.statuses, uint8(chunk>>(12-2*i))&3)
			}
		}
	}
	return b, nil
}

// readDeltas decodes the arrival times of the received packets. b contains the differences between them. The first
// difference is relative to the reference time, which is passed as at.
func (r *report) readDeltas(b []byte, at int64) error {
	r.arrivals = r.arrivals[:0]
	for _, s := range r.statuses {
		switch s {
		case 0:
			continue
		case statusSmallDelta:
			if len(b) < 1 {
				return errFeedback
			}
			at += int64(b[0]) * deltaUnit
			b = b[1:]
		case statusLargeDelta:
			if len(b) < 2 {
				return errFeedback
			}
			at += int64(int16(binary.BigEndian.Uint16(b))) * deltaUnit
			b = b[2:]
		default: // reserved
			return errFeedback
		}
		r.arrivals = append(r.arrivals, at)
	}
	return nil
}
