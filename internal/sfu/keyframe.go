package sfu

import (
	"time"

	"github.com/pion/rtcp"

	"meet/internal/sfu/codec"
)

// maxUndescribed bounds how many packets are kept for a structure that is late: more than a key frame has.
const maxAwaitingStructure = 256

// structureWait is how long a structure may be late before another key frame is asked for: by then a NACK would have
// brought it, over all but the longest paths.
const structureWait = 200 * time.Millisecond

func (l *layer) keyFrameInterval() time.Duration {
	if l.n == 0 {
		return keyFrameInterval
	}
	return keyFrameIntervalUp
}

// requestKeyFrame asks the publisher for a key frame; if it was asked too short a time ago, as soon as it may be.
func (l *layer) requestKeyFrame(now time.Time) {
	l.mu.Lock()
	early := now.Sub(l.keyFrameRequested) < l.keyFrameInterval()
	l.keyFramePending = early
	if !early {
		l.keyFrameRequested = now
	}
	l.mu.Unlock()
	if !early {
		l.r.options.Counters.KeyFrameRequestsSent.Add(1)
		_ = l.source.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: l.ssrc}})
	}
}

// keyFrameCame forgets a request that is not due yet, and what was given up before packet ext, with which the key frame of
// that timestamp begins: it serves all that.
func (l *layer) noteKeyFrame(ext uint64, timestamp uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keyFramePending = false
	l.loss.noteKeyFrame(ext, timestamp)
}

// outdated reports whether packet seq is from before the one with the structure in force.
func (l *layer) precedesStructure(seq uint16) bool {
	before := l.structureAt - seq
	return l.descriptors.Known() && before > 0 && before < videoHistory
}

// keepUndescribed keeps packet seq, whose descriptor cannot be read yet: its structure came with the first packet of a key
// frame, which is lost or late. It does not keep a late packet from before the one with the structure in force, because
// the late packet's own structure is gone.
func (l *layer) awaitStructure(seq uint16, now time.Time) {
	if l.precedesStructure(seq) {
		return
	}
	if len(l.awaitingStructure) == 0 {
		l.awaitingSince = now
	}
	if len(l.awaitingStructure) < maxAwaitingStructure { // more are of no use: a new key frame is due
		l.awaitingStructure = append(l.awaitingStructure, seq)
	}
	if now.Sub(l.awaitingSince) >= structureWait {
		l.requestKeyFrame(now)
	}
}

// deliverUndescribed delivers the packets behind the one just delivered, which had the structure that they need.
func (l *layer) deliverAwaiting(now time.Time) {
	began := l.pkt.Header.SequenceNumber
	p := &l.late
	for _, seq := range l.awaitingStructure {
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
	l.awaitingStructure = l.awaitingStructure[:0]
}

// replay gives write the packets that have come though they belong behind first: the rest of a key frame whose first packet
// was lost and came again. It uses p and raw as scratch. Only the layer's read goroutine may call it.
func (l *layer) replay(first, p *Packet, raw []byte, write func(*Packet)) {
	highest, from := l.highest(), first.Header.SequenceNumber+1
	if oldest := highest - videoHistory + 1; int16(oldest-from) > 0 {
		from = oldest // what is older is gone
	}
	for seq := from; int16(highest-seq) >= 0; seq++ {
		if l.loadHistory(seq, p, raw) && l.describe(p) == nil {
			p.from, p.Layer, p.Arrival = l, first.Layer, first.Arrival
			write(p)
		}
	}
}

// recall reads packet seq from the history into p, by way of raw, and reports whether it was there.
func (l *layer) loadHistory(seq uint16, p *Packet, raw []byte) bool {
	n := l.history.Load(seq, raw)
	return n > 0 && p.Unmarshal(raw[:n]) == nil && codec.Parse(l.r.codec, p.Payload, &p.Info) == nil
}
