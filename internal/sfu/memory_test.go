package sfu

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

func TestSequencer(t *testing.T) {
	now := time.Now()
	s := newSequencer(4)
	if s.lookup(0, now, 0) != nil {
		t.Error("an empty sequencer knows number 0")
	}
	for seq := uint16(65533); seq != 2; seq++ {
		*s.slot(seq) = sentPacket{rewrite: rewrite{seq: seq, ts: uint32(seq) * 2}, source: seq + 100, layer: 1}
	}
	if s.lookup(65533, now, 0) != nil {
		t.Error("65533 is still known four packets later")
	}
	p := s.lookup(65534, now, 0)
	if p == nil || p.source != 98 || p.ts != 65534*2 || p.layer != 1 {
		t.Fatalf("65534 is remembered as %+v", p)
	}
	p.again(now)
	if s.lookup(65534, now.Add(resendInterval-1), 0) != nil {
		t.Error("a repeated NACK was answered before the interval was over")
	}
	if s.lookup(65534, now.Add(resendInterval), 2*resendInterval) != nil {
		t.Error("a repeated NACK was answered before the first answer could arrive")
	}
	*s.slot(2) = sentPacket{rewrite: rewrite{seq: 2}, source: 5} // in place of 65534
	if p := s.lookup(2, now, 0); p == nil || p.source != 5 {
		t.Errorf("2 is remembered as %+v", p)
	}
}

func TestHistory(t *testing.T) {
	packet := func(seq uint16, size int) []byte {
		raw := bytes.Repeat([]byte{byte(seq)}, size)
		binary.BigEndian.PutUint16(raw[2:], seq)
		return raw
	}
	h := newHistory(8)
	dst := make([]byte, 100)
	if n := h.Load(0, dst); n != 0 {
		t.Errorf("an empty history gives %d bytes for 0", n)
	}
	// Longer and shorter packets in one slot, over the wrap.
	for i := range 30 {
		seq := uint16(65520 + i)
		h.Store(packet(seq, 20+i%3*20))
	}
	for i := range 30 {
		seq := uint16(65520 + i)
		n := h.Load(seq, dst)
		if i < 22 {
			if n != 0 {
				t.Errorf("packet %d is still there", seq)
			}
			continue
		}
		if want := packet(seq, 20+i%3*20); !bytes.Equal(dst[:n], want) {
			t.Errorf("packet %d came back as % x, want % x", seq, dst[:n], want)
		}
	}
	if n := h.Load(13, dst[:10]); n != 0 {
		t.Errorf("a packet was cut to %d bytes", n)
	}
	clear(dst)
	h.Store(packet(40, 20))
	if n := h.Load(48, dst); n != 0 {
		t.Errorf("number 48 was answered with its slot's %d", binary.BigEndian.Uint16(dst[2:]))
	}
}
