package sfu

import (
	"time"

	"github.com/pion/rtcp"

	"meet/internal/sfu/codec"
)

// maxAwaitingStructure bounds the number of packets that wait for the structure of their dependency descriptor. A key
// frame has fewer packets.
const maxAwaitingStructure = 256

// structureWait is the time to wait for a missing dependency structure before a key frame is requested. On all but the
// slowest paths, a NACK brings the packet with the structure within this time.
const structureWait = 200 * time.Millisecond

// keyFrameInterval returns the minimum time between two key frame requests for this layer.
func (l *layer) keyFrameInterval() time.Duration {
	if l.n == 0 {
		return keyFrameInterval
	}
	return keyFrameIntervalUp
}

// requestKeyFrame requests a key frame from the publisher. If the previous request is more recent than the interval
// that l.keyFrameInterval returns, the new request is sent after that interval.
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

// noteKeyFrame records that a key frame arrived. ext is the extended sequence number of its first packet, and timestamp
// is its RTP timestamp. The key frame answers a pending request and repairs the loss of earlier packets.
func (l *layer) noteKeyFrame(ext uint64, timestamp uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keyFramePending = false
	l.loss.noteKeyFrame(ext, timestamp)
}

// precedesStructure reports whether packet seq precedes the packet that contained the current structure.
func (l *layer) precedesStructure(seq uint16) bool {
	before := l.structureAt - seq
	return l.descriptors.Known() && before > 0 && before < videoHistory
}

// awaitStructure stores the sequence number of a packet whose descriptor cannot be read yet, because its dependency
// structure is missing. The structure is in the first packet of a key frame, and that packet is lost or late. Packets
// that precede the current structure are ignored: the structure that they need is no longer stored.
func (l *layer) awaitStructure(seq uint16, now time.Time) {
	if l.precedesStructure(seq) {
		return
	}
	if len(l.awaitingStructure) == 0 {
		l.awaitingSince = now
	}
	if len(l.awaitingStructure) < maxAwaitingStructure { // more do not help: a new key frame is needed
		l.awaitingStructure = append(l.awaitingStructure, seq)
	}
	if now.Sub(l.awaitingSince) >= structureWait {
		l.requestKeyFrame(now)
	}
}

// deliverAwaiting delivers the packets that were stored because their structure had not arrived. The structure is in
// l.pkt, the packet that was just delivered. Stored packets that precede l.pkt are dropped.
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

// replay calls write for each stored packet that comes after the packet start in the stream but arrived before it.
// start is the first packet of a key frame and was retransmitted; the stored packets are the remainder of that key
// frame. p and raw are scratch memory. Only the layer's read goroutine may call replay.
func (l *layer) replay(start, p *Packet, raw []byte, write func(*Packet)) {
	highest, from := l.highest(), start.Header.SequenceNumber+1
	if oldest := highest - videoHistory + 1; int16(oldest-from) > 0 {
		from = oldest // older packets are no longer stored
	}
	for seq := from; int16(highest-seq) >= 0; seq++ {
		if l.loadHistory(seq, p, raw) && l.describe(p) == nil {
			p.from, p.Layer, p.Arrival = l, start.Layer, start.Arrival
			write(p)
		}
	}
}

// loadHistory reads packet seq from the history into p, and reports whether it was stored. raw holds the bytes that p
// points to.
func (l *layer) loadHistory(seq uint16, p *Packet, raw []byte) bool {
	n := l.history.Load(seq, raw)
	return n > 0 && p.Unmarshal(raw[:n]) == nil && codec.Parse(l.r.codec, p.Payload, &p.Info) == nil
}
