package sfu

import (
	"math"
	"time"

	"github.com/pion/rtcp"
)

const (
	// A NACK is repeated when it has not brought its packet in a quarter more than repairs commonly take, within these
	// bounds.
	minNACKInterval, maxNACKInterval = 100 * time.Millisecond, 300 * time.Millisecond
	// nackTries is how often one packet is asked for, as libwebrtc does. After the first nackPatience of them in vain the
	// packet counts as given up, and a key frame is asked for as well: a decoder that waits for the packet says so only
	// after seconds (libwebrtc: three). Sound, and what a key frame has made needless, is not asked for any longer.
	maxNACKs, nacksBeforeKeyFrame = 10, 5
	// maxMissing bounds how many packets are chased at once; a longer gap is an interruption, not loss.
	maxMissing = 64
	// firstCycle is what extended sequence numbers begin at: one cycle up, so that a packet from before the first one is
	// no negative number.
	firstCycle = 1 << 16
)

// lossTracker follows the sequence numbers of one layer: it counts for receiver reports (RFC 3550, appendix A.3 and
// A.8) and finds the gaps to ask for again. It is used by the layer's read goroutine alone, under the layer's lock.
type lossTracker struct {
	started  bool
	baseSeq  uint64
	highest  uint64 // extended sequence number
	received uint64
	late     uint64 // received packets that had been counted missing: reordered or resent

	expectedBefore, receivedBefore uint64 // at the last report

	jitter        float64 // timestamp units
	lastArrival   time.Time
	lastTimestamp uint32

	missing           []missingPacket // oldest first
	repairTime        time.Duration   // what it commonly takes from the first NACK to the packet
	keyFrame          uint64          // extended number the latest key frame begins with; 0 before the first
	keyFrameTimestamp uint32          // its timestamp
	givenUp           uint64          // the newest that was given up; 0 before the first
}

type missingPacket struct {
	seq                 uint64 // extended sequence number
	nacks               uint8
	firstNACK, lastNACK time.Time // of the NACKs, the first and the latest
}

// add takes note of packet seq and returns its extended number and whether it was new; a duplicate is not.
func (l *lossTracker) add(seq uint16, timestamp, clockRate uint32, now time.Time) (ext uint64, fresh bool) {
	if !l.started {
		l.started = true
		l.highest = firstCycle | uint64(seq)
		l.baseSeq, l.received = l.highest, 1
		l.lastArrival, l.lastTimestamp = now, timestamp
		return l.highest, true
	}
	diff := int16(seq - uint16(l.highest))
	ext = l.highest + uint64(int64(diff))
	if diff <= 0 {
		return ext, l.noteLate(ext, now)
	}
	if int(diff) > maxMissing {
		l.missing = l.missing[:0]
		l.givenUp = ext - 1
	} else {
		for s := l.highest + 1; s != ext; s++ {
			if len(l.missing) == maxMissing {
				l.giveUp(l.missing[0].seq)
				l.missing = append(l.missing[:0], l.missing[1:]...)
			}
			l.missing = append(l.missing, missingPacket{seq: s})
		}
	}
	l.highest = ext
	l.received++
	l.updateJitter(timestamp, clockRate, now)
	return ext, true
}

// fill counts a packet that came late and reports whether it was still missed.
func (l *lossTracker) noteLate(ext uint64, now time.Time) bool {
	for i := range l.missing {
		if m := &l.missing[i]; m.seq == ext {
			if took := now.Sub(m.firstNACK); m.nacks > 0 {
				if l.repairTime == 0 {
					l.repairTime = took
				}
				l.repairTime += (took - l.repairTime) / 8
			}
			l.missing = append(l.missing[:i], l.missing[i+1:]...)
			l.received++
			l.late++
			return true
		}
	}
	return false
}

func (l *lossTracker) updateJitter(timestamp, clockRate uint32, now time.Time) {
	apart := now.Sub(l.lastArrival).Seconds()*float64(clockRate) - float64(int32(timestamp-l.lastTimestamp))
	if d := math.Abs(apart); d < float64(clockRate) { // a larger step is a new clock
		l.jitter += (d - l.jitter) / 16
	}
	l.lastArrival, l.lastTimestamp = now, timestamp
}

// giveUp gives packet ext up: what needs it waits for a key frame.
func (l *lossTracker) giveUp(ext uint64) { l.givenUp = max(l.givenUp, ext) }

// keyFrameCame notes that packet ext begins a key frame. Of H264 more than one packet looks so: parameter sets and slices.
func (l *lossTracker) noteKeyFrame(ext uint64, timestamp uint32) {
	switch {
	case l.keyFrame > 0 && timestamp == l.keyFrameTimestamp:
		l.keyFrame = min(l.keyFrame, ext)
	case ext > l.keyFrame:
		l.keyFrame, l.keyFrameTimestamp = ext, timestamp
	}
}

// broken reports whether something has been given up that no key frame has made needless yet.
func (l *lossTracker) hasUnrepairedLoss() bool { return l.givenUp > l.keyFrame }

// due appends to pairs what has to be asked for (again) now, and gives up what was asked for often enough or would come
// too late to be kept.
func (l *lossTracker) dueNACKs(now time.Time, pairs []rtcp.NackPair) []rtcp.NackPair {
	repeat := max(minNACKInterval, min(l.repairTime*5/4, maxNACKInterval))
	keep := l.missing[:0]
	for _, m := range l.missing {
		if now.Sub(m.lastNACK) >= repeat {
			if m.nacks >= nacksBeforeKeyFrame {
				l.giveUp(m.seq)
				needed := l.keyFrame > 0 && m.seq > l.keyFrame
				if !needed || m.nacks == maxNACKs || l.highest-m.seq >= videoHistory {
					continue
				}
			}
			if m.nacks == 0 {
				m.firstNACK = now
			}
			m.nacks++
			m.lastNACK = now
			pairs = appendNack(pairs, uint16(m.seq))
		}
		keep = append(keep, m)
	}
	l.missing = keep
	return pairs
}

// appendNack adds seq to the last pair if its bitmask of 16 followers reaches (RFC 4585, section 6.2.1).
func appendNack(pairs []rtcp.NackPair, seq uint16) []rtcp.NackPair {
	if n := len(pairs); n > 0 {
		if d := seq - pairs[n-1].PacketID; d >= 1 && d <= 16 {
			pairs[n-1].LostPackets |= 1 << (d - 1)
			return pairs
		}
	}
	return append(pairs, rtcp.NackPair{PacketID: seq})
}

// report returns the reception report since the last one, without the sender report fields.
func (l *lossTracker) report(ssrc uint32) rtcp.ReceptionReport {
	expected := l.highest - l.baseSeq + 1
	lost := int64(expected) - int64(l.received)
	expectedNow, receivedNow := expected-l.expectedBefore, l.received-l.receivedBefore
	l.expectedBefore, l.receivedBefore = expected, l.received
	fraction := uint8(0)
	if expectedNow > receivedNow {
		fraction = uint8(min(255, (expectedNow-receivedNow)*256/expectedNow))
	}
	return rtcp.ReceptionReport{
		SSRC:               ssrc,
		FractionLost:       fraction,
		TotalLost:          uint32(max(0, min(lost, 1<<23-1))),
		LastSequenceNumber: uint32(l.highest - firstCycle), // cycles count from 0
		Jitter:             uint32(l.jitter),
	}
}
