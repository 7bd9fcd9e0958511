package forward

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
	sent []Sent
}

// Sent is a packet that has gone out.
type Sent struct {
	Rewrite
	Source uint16 // the publisher's sequence number
	SSRC   uint32 // its stream, which another may have replaced
	Layer  int8
	tries  int8  // -1: slot never used
	resent int64 // Unix ns
}

func newSequencer(size int) sequencer {
	s := sequencer{sent: make([]Sent, size)}
	s.clear()
	return s
}

// slot returns where to put what goes out as seq, in place of the packet len(sent) before it.
func (s *sequencer) slot(seq uint16) *Sent { return &s.sent[int(seq)&(len(s.sent)-1)] }

// storePadding remembers that seq went out as an empty packet.
func (s *sequencer) storePadding(seq uint16) {
	*s.slot(seq) = Sent{Rewrite: Rewrite{Seq: seq}, Layer: paddingLayer}
}

// paddingLayer marks what came from no layer.
const paddingLayer = -1

// holds reports whether seq has been sent, as far back as is remembered.
func (s *sequencer) contains(seq uint16) bool {
	p := s.slot(seq)
	return p.tries >= 0 && p.Seq == seq
}

// lookup returns the packet sent as seq, nil if it is forgotten or too short a time has passed since it was last sent again.
func (s *sequencer) lookup(seq uint16, now time.Time, roundTrip time.Duration) *Sent {
	p := s.slot(seq)
	if p.tries < 0 || p.Seq != seq || now.UnixNano()-p.resent < int64(max(resendInterval, roundTrip)) {
		return nil
	}
	return p
}

// Padding reports whether p was an empty packet, which belongs to no layer.
func (p *Sent) Padding() bool { return p.Layer == paddingLayer }

// Exhausted reports whether p has been sent again as often as it may.
func (p *Sent) Exhausted() bool { return p.tries >= resendTries }

// Resend notes that p goes out again.
func (p *Sent) MarkResent(now time.Time) {
	p.tries++
	p.resent = now.UnixNano()
}

// clear forgets everything.
func (s *sequencer) clear() {
	for i := range s.sent {
		s.sent[i].tries = -1
	}
}
