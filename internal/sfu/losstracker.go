package sfu

import (
	"math"
	"time"

	"github.com/pion/rtcp"
)

const (
	// A NACK is repeated if its packet has not arrived after 5/4 of the usual repair time. The NACK is repeated after
	// at least minNACKInterval and at most maxNACKInterval.
	minNACKInterval, maxNACKInterval = 100 * time.Millisecond, 300 * time.Millisecond
	// maxNACKs is the maximum number of NACKs for one packet, as in libwebrtc. If a packet does not arrive after
	// nacksBeforeKeyFrame NACKs and no later key frame has started, a key frame is requested too. A decoder that waits
	// for the packet would request it much later: in libwebrtc, after three seconds. Further NACKs, up to maxNACKs, are
	// sent only for packets after the start of the latest key frame. Audio has no key frames, so an audio packet gets
	// at most nacksBeforeKeyFrame NACKs.
	maxNACKs, nacksBeforeKeyFrame = 10, 5
	// maxMissing bounds the number of packets that are requested at a time. A gap of more packets counts as an
	// interruption, not as loss.
	maxMissing = 64
	// firstCycle is the first extended sequence number. It is one cycle above 0, because extended numbers are unsigned:
	// a packet that precedes the first one would otherwise have a negative number.
	firstCycle = 1 << 16
)

// lossTracker follows the sequence numbers of one layer. It computes reception reports (RFC 3550, appendix A.3 and A.8)
// and the NACKs for missing packets. Only the layer's read goroutine updates it, under the layer's lock.
type lossTracker struct {
	started  bool
	baseSeq  uint64
	highest  uint64 // extended sequence number
	received uint64
	late     uint64 // received packets that had been counted as missing: reordered or retransmitted

	expectedBefore, receivedBefore uint64 // at the latest report

	jitter        float64 // timestamp units
	lastArrival   time.Time
	lastTimestamp uint32

	missing           []missingPacket // oldest first
	repairTime        time.Duration   // usual time from the first NACK for a packet to its arrival
	keyFrame          uint64          // extended sequence number of the first packet of the latest key frame; 0: none yet
	keyFrameTimestamp uint32          // RTP timestamp of that key frame
	givenUp           uint64          // extended sequence number of the newest packet that may never arrive; 0: none yet
}

// missingPacket is a packet that has not arrived although a later one has.
type missingPacket struct {
	seq                 uint64 // extended sequence number
	nacks               uint8
	firstNACK, lastNACK time.Time // time of the first and the latest NACK
}

// add records packet seq. ext is its extended sequence number. fresh is false if the packet is a duplicate.
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

// noteLate records packet ext, which is older than the newest one, and reports whether it was missing. If it was not
// missing, it is a duplicate, or the server no longer requests it.
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

// updateJitter updates the interarrival jitter (RFC 3550, section 6.4.1) with a packet.
func (l *lossTracker) updateJitter(timestamp, clockRate uint32, now time.Time) {
	apart := now.Sub(l.lastArrival).Seconds()*float64(clockRate) - float64(int32(timestamp-l.lastTimestamp))
	if d := math.Abs(apart); d < float64(clockRate) { // a larger step means that the timestamps restarted
		l.jitter += (d - l.jitter) / 16
	}
	l.lastArrival, l.lastTimestamp = now, timestamp
}

// giveUp records that packet ext may never arrive. The frames after it then need a key frame. NACKs for the packet may
// continue.
func (l *lossTracker) giveUp(ext uint64) { l.givenUp = max(l.givenUp, ext) }

// noteKeyFrame records that packet ext starts a key frame. With H.264 several packets of one key frame look like its
// start: parameter sets and slices.
func (l *lossTracker) noteKeyFrame(ext uint64, timestamp uint32) {
	switch {
	case l.keyFrame > 0 && timestamp == l.keyFrameTimestamp:
		l.keyFrame = min(l.keyFrame, ext)
	case ext > l.keyFrame:
		l.keyFrame, l.keyFrameTimestamp = ext, timestamp
	}
}

// hasUnrepairedLoss reports whether a packet after the start of the latest key frame may never arrive (givenUp).
func (l *lossTracker) hasUnrepairedLoss() bool { return l.givenUp > l.keyFrame }

// dueNACKs appends the packets that must be requested now to pairs. After nacksBeforeKeyFrame requests for a packet, it
// calls giveUp. It continues the requests only if the packet follows the start of the latest key frame. It stops after
// maxNACKs requests in total, or when the packet would be too old for the history.
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

// appendNack adds seq to pairs. If seq is one of the 16 numbers after the PacketID of the last pair, it sets a bit in
// that pair's bitmask (RFC 4585, section 6.2.1). Otherwise it appends a new pair.
func appendNack(pairs []rtcp.NackPair, seq uint16) []rtcp.NackPair {
	if n := len(pairs); n > 0 {
		if d := seq - pairs[n-1].PacketID; d >= 1 && d <= 16 {
			pairs[n-1].LostPackets |= 1 << (d - 1)
			return pairs
		}
	}
	return append(pairs, rtcp.NackPair{PacketID: seq})
}

// report returns the next reception report. Its FractionLost covers the packets since the previous call. It leaves
// LastSenderReport and Delay empty.
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
		LastSequenceNumber: uint32(l.highest - firstCycle), // reports count cycles from 0
		Jitter:             uint32(l.jitter),
	}
}
