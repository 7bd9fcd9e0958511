package forward

import "time"

const (
	// resendTries is the maximum number of retransmissions of one packet: if one in ten packets is lost, one in a
	// million is lost with all its retransmissions. resendInterval is the minimum time between two of them,
	// or one round-trip time if that is longer: a NACK that arrives sooner was sent before the last retransmission arrived.
	resendTries    = 5
	resendInterval = 60 * time.Millisecond
)

// sequencer stores the publisher's numbers of each sent packet, to answer a subscriber's NACKs.
type sequencer struct {
	sent []Sent
}

// Sent describes a packet that was sent.
type Sent struct {
	Rewrite
	Source uint16 // the publisher's sequence number
	SSRC   uint32 // the publisher's SSRC
	Layer  int8   // simulcast layer; paddingLayer for an empty packet
	tries  int8   // number of retransmissions; -1: slot never used
	resent int64  // time of the latest retransmission, Unix ns
}

// newSequencer returns a sequencer for size packets. size must be a power of two.
func newSequencer(size int) sequencer {
	s := sequencer{sent: make([]Sent, size)}
	s.clear()
	return s
}

// slot returns the slot for the packet sent as seq. Before that, it holds the packet sent len(sent) numbers earlier.
func (s *sequencer) slot(seq uint16) *Sent { return &s.sent[int(seq)&(len(s.sent)-1)] }

// storePadding records that seq was sent as an empty packet.
func (s *sequencer) storePadding(seq uint16) {
	*s.slot(seq) = Sent{Rewrite: Rewrite{Seq: seq}, Layer: paddingLayer}
}

// paddingLayer is the Layer of an empty packet made by the server.
const paddingLayer = -1

// contains reports whether the packet sent as seq is stored.
func (s *sequencer) contains(seq uint16) bool {
	p := s.slot(seq)
	return p.tries >= 0 && p.Seq == seq
}

// lookup returns the packet sent as seq. It returns nil if the packet is no longer stored, or if less than
// resendInterval or less than roundTrip has passed since its latest retransmission.
func (s *sequencer) lookup(seq uint16, now time.Time, roundTrip time.Duration) *Sent {
	p := s.slot(seq)
	if p.tries < 0 || p.Seq != seq || now.UnixNano()-p.resent < int64(max(resendInterval, roundTrip)) {
		return nil
	}
	return p
}

// Padding reports whether p is an empty packet made by the server.
func (p *Sent) Padding() bool { return p.Layer == paddingLayer }

// Exhausted reports whether p must not be retransmitted any more.
func (p *Sent) Exhausted() bool { return p.tries >= resendTries }

// MarkResent counts a retransmission, which was sent at the time now.
func (p *Sent) MarkResent(now time.Time) {
	p.tries++
	p.resent = now.UnixNano()
}

// clear removes all packets.
func (s *sequencer) clear() {
	for i := range s.sent {
		s.sent[i].tries = -1
	}
}
