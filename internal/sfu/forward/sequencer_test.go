package forward

import (
	"testing"
	"time"
)

func TestSequencerIgnoresNACKRepeatedTooEarly(t *testing.T) {
	now := time.Now()
	s := newSequencer(4)
	if s.lookup(0, now, 0) != nil {
		t.Error("an empty sequencer contains number 0")
	}
	for seq := uint16(65533); seq != 2; seq++ {
		*s.slot(seq) = Sent{Rewrite: Rewrite{Seq: seq, TS: uint32(seq) * 2}, Source: seq + 100, Layer: 1}
	}
	if s.lookup(65533, now, 0) != nil {
		t.Error("65533 is still stored four packets later")
	}
	p := s.lookup(65534, now, 0)
	if p == nil || p.Source != 98 || p.TS != 65534*2 || p.Layer != 1 {
		t.Fatalf("65534 is stored as %+v", p)
	}
	p.MarkResent(now)
	if s.lookup(65534, now.Add(resendInterval-1), 0) != nil {
		t.Error("a repeated NACK was answered before resendInterval had passed")
	}
	if s.lookup(65534, now.Add(resendInterval), 2*resendInterval) != nil {
		t.Error("a repeated NACK was answered before a round-trip time had passed")
	}
	*s.slot(2) = Sent{Rewrite: Rewrite{Seq: 2}, Source: 5} // replaces 65534
	if p := s.lookup(2, now, 0); p == nil || p.Source != 5 {
		t.Errorf("2 is stored as %+v", p)
	}
}
