package sfu

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func TestPacketHistoryReturnsPacketsUntilTheyAreOverwritten(t *testing.T) {
	packet := func(seq uint16, size int) []byte {
		raw := bytes.Repeat([]byte{byte(seq)}, size)
		binary.BigEndian.PutUint16(raw[2:], seq)
		return raw
	}
	h := newHistory(8)
	dst := make([]byte, 100)
	if n := h.Load(0, dst); n != 0 {
		t.Errorf("an empty history returns %d bytes for packet 0", n)
	}
	// Packets of different lengths in one slot, across the wrap of sequence numbers.
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
			t.Errorf("packet %d was loaded as % x, want % x", seq, dst[:n], want)
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
