package sfu

import (
	"encoding/binary"
	"sync"

	"meet/internal/sfu/pacer"
)

// Number of packets stored for retransmission, at least as many as in LiveKit (docs/protocol.md, 0.4). The numbers are
// powers of two, because the index is the low bits of the sequence number.
const (
	videoHistory = 512
	audioHistory = 256
)

// This fails to compile if videoHistory < pacer.MaxQueued. Packets that a full Pacer drops are requested again, and
// must be stored until then.
const _ = uint(videoHistory - pacer.MaxQueued)

// History stores the latest raw packets of one layer, to answer NACKs.
type History struct {
	mu    sync.RWMutex
	slots []historySlot
}

// historySlot holds the latest packet whose sequence number maps to this slot.
type historySlot struct {
	seq uint16
	raw []byte // reused; empty if never filled
}

// newHistory returns a History of size packets. size must be a power of two.
func newHistory(size int) *History { return &History{slots: make([]historySlot, size)} }

// Store copies one RTP packet into the History. It replaces the packet whose sequence number is lower by len(slots).
func (h *History) Store(raw []byte) {
	seq := binary.BigEndian.Uint16(raw[2:])
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &h.slots[int(seq)&(len(h.slots)-1)]
	s.seq = seq
	s.raw = append(s.raw[:0], raw...)
}

// Load copies the packet with sequence number seq to dst and returns its length, or 0 if it is no longer stored or does
// not fit.
func (h *History) Load(seq uint16, dst []byte) int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	s := &h.slots[int(seq)&(len(h.slots)-1)]
	if s.seq != seq || len(s.raw) > len(dst) {
		return 0
	}
	return copy(dst, s.raw)
}
