package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

// maxStranded bounds how many packets are kept for a structure that is late: more than a key frame has.
const maxStranded = 256

// strandedWait is how long a structure may be late before another key frame is asked for: by then a NACK would have
// brought it, over any but the longest way.
const strandedWait = 200 * time.Millisecond

func (l *layer) keyFrameInterval() time.Duration {
	if l.n == 0 {
		return keyFrameInterval
	}
	return keyFrameIntervalUp
}

// requestKeyFrame asks the publisher for a key frame; if it was asked too short a time ago, as soon as it may be.
func (l *layer) requestKeyFrame(now time.Time) {
	l.mu.Lock()
	early := now.Sub(l.asked) < l.keyFrameInterval()
	l.keyPending = early
	if !early {
		l.asked = now
	}
	l.mu.Unlock()
	if !early {
		l.r.options.Counters.KeyFramesAsked.Add(1)
		_ = l.source.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: l.ssrc}})
	}
}

// keyFrameCame forgets a request that is not due yet, and what was given up before packet ext, with which the key frame of
// that timestamp begins: it serves all that.
func (l *layer) keyFrameCame(ext uint64, timestamp uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keyPending = false
	l.loss.keyFrameCame(ext, timestamp)
}

// outdated tells whether packet seq is from before the one with the structure in force.
func (l *layer) outdated(seq uint16) bool {
	before := l.structureAt - seq
	return l.descriptors.Known() && before > 0 && before < videoHistory
}

// strand keeps packet seq, which cannot be understood yet. The structure it belongs to came with the first packet of a
// key frame, which is lost or late. A packet from before the one with the structure in force is itself late, and its own
// structure gone.
func (l *layer) strand(seq uint16, now time.Time) {
	if l.outdated(seq) {
		return
	}
	if len(l.stranded) == 0 {
		l.strandedAt = now
	}
	if len(l.stranded) < maxStranded { // more are of no use: a new key frame is due
		l.stranded = append(l.stranded, seq)
	}
	if now.Sub(l.strandedAt) >= strandedWait {
		l.requestKeyFrame(now)
	}
}

// deliverStranded takes up the packets behind the one just delivered, which had the structure they need.
func (l *layer) deliverStranded(now time.Time) {
	began := l.pkt.Header.SequenceNumber
	p := &l.late
	for _, seq := range l.stranded {
		if l.lateRaw == nil {
			l.lateRaw = make([]byte, mtu)
		}
		n := l.history.Load(seq, l.lateRaw)
		if int16(seq-began) <= 0 || n == 0 || p.Unmarshal(l.lateRaw[:n]) != nil || l.parse(p) != nil {
			continue
		}
		p.Layer, p.Arrival = l.n, now
		l.deliver(p)
	}
	l.stranded = l.stranded[:0]
}
