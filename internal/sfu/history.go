package sfu

import (
	"encoding/binary"
	"sync"

	"meet/internal/sfu/pacer"
)

// Packets remembered for retransmission, at least as many as the reference server keeps (docs/protocol.md, 0.4). Powers of
// two, for the index.
const (
	videoHistory = 512
	audioHistory = 256
)

// A packet that the Pacer drops because too many wait is asked for again, and must be remembered until then.
const _ = uint(videoHistory - pacer.MaxQueued)

// History keeps the latest packets of one layer, raw as they came, to answer NACKs from.
type History struct {
	mu    sync.RWMutex
	slots []historySlot
}

type historySlot struct {
	seq uint16
	raw []byte // reused; empty means never filled
}

// newHistory makes a History of size packets, a power of two.
func newHistory(size int) *History { return &History{slots: make([]historySlot, size)} }

// Store copies one RTP packet in, in place of the one len(slots) before it.
func (h *History) Store(raw []byte) {
	seq := binary.BigEndian.Uint16(raw[2:])
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &h.slots[int(seq)&(len(h.slots)-1)]
	s.seq = seq
	s.raw = append(s.raw[:0], raw...)
}

// Load copies the packet numbered seq to dst and returns its length, or 0 when it is gone or does not fit.
func (h *History) Load(seq uint16, dst []byte) int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	s := &h.slots[int(seq)&(len(h.slots)-1)]
	if s.seq != seq || len(s.raw) > len(dst) {
		return 0
	}
	return copy(dst, s.raw)
}
