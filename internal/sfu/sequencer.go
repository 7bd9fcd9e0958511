package sfu

import "time"

const (
	// resendTries is how often one packet is sent again: where one in ten is lost, one in a million is lost with all of
	// these. resendInterval is the least time after which a repeated NACK counts as a new loss and not as the same one
	// crossing the answer. A round trip is waited for in any case.
	resendTries    = 5
	resendInterval = 60 * time.Millisecond
)

// sequencer remembers which source packet went out under which number, to answer a subscriber's NACKs.
type sequencer struct {
	sent []sentPacket
}

type sentPacket struct {
	rewrite
	source uint16 // the publisher's sequence number
	ssrc   uint32 // its stream, which another may have replaced
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

// slot returns where to put what goes out as seq, in place of the packet len(sent) before it.
func (s *sequencer) slot(seq uint16) *sentPacket { return &s.sent[int(seq)&(len(s.sent)-1)] }

// storePadding remembers that seq went out as an empty packet.
func (s *sequencer) storePadding(seq uint16) {
	*s.slot(seq) = sentPacket{rewrite: rewrite{seq: seq}, layer: paddingLayer}
}

// paddingLayer marks what came from no layer.
const paddingLayer = -1

// holds tells whether seq has been sent, as far back as is remembered.
func (s *sequencer) holds(seq uint16) bool {
	p := s.slot(seq)
	return p.tries >= 0 && p.seq == seq
}

// lookup returns the packet sent as seq, nil if it is forgotten or too short a time has passed since it was last sent again.
func (s *sequencer) lookup(seq uint16, now time.Time, roundTrip time.Duration) *sentPacket {
	p := s.slot(seq)
	if p.tries < 0 || p.seq != seq || now.UnixNano()-p.resent < int64(max(resendInterval, roundTrip)) {
		return nil
	}
	return p
}

// again notes that p goes out again.
func (p *sentPacket) again(now time.Time) {
	p.tries++
	p.resent = now.UnixNano()
}
