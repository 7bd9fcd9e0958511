package sfu

import "time"

const (
	// resendTries is how often one packet is sent again; resendInterval is the least time after which a repeated NACK
	// counts as a new loss and not as the same one crossing the answer. A round trip is waited for in any case.
	resendTries    = 3
	resendInterval = 60 * time.Millisecond
)

// sequencer remembers which source packet went out under which number, to answer a subscriber's NACKs.
type sequencer struct {
	sent []sentPacket
}

type sentPacket struct {
	rewrite
	source uint16 // the publisher's sequence number
	layer  int8
	tries  int8  // -1: slot never used
	resent int64 // Unix ns
}

func newSequencer(size int) sequencer {
	s := sequencer{sent: make([]sentPacket, size)}
	for i := range s.sent {
		s.sent[i].tries = -1
	}
	return s
}

func (s *sequencer) store(out rewrite, source uint16, layer int) {
	s.sent[int(out.seq)&(len(s.sent)-1)] = sentPacket{rewrite: out, source: source, layer: int8(layer)}
}

// storePadding remembers that seq went out as an empty packet.
func (s *sequencer) storePadding(seq uint16) { s.store(rewrite{seq: seq}, 0, paddingLayer) }

// paddingLayer marks what came from no layer.
const paddingLayer = -1

// holds tells whether seq has been sent, as far back as is remembered.
func (s *sequencer) holds(seq uint16) bool {
	p := &s.sent[int(seq)&(len(s.sent)-1)]
	return p.tries >= 0 && p.seq == seq
}

// lookup returns the packet sent as seq if it should go out again now, and counts that.
func (s *sequencer) lookup(seq uint16, now time.Time, roundTrip time.Duration) (sentPacket, bool) {
	p := &s.sent[int(seq)&(len(s.sent)-1)]
	if p.tries < 0 || p.seq != seq || p.tries >= resendTries || now.UnixNano()-p.resent < int64(max(resendInterval, roundTrip)) {
		return sentPacket{}, false
	}
	p.tries++
	p.resent = now.UnixNano()
	return *p, true
}
