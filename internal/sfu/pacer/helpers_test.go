package pacer

import (
	"slices"
	"sync"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const downSSRC = 7000 // of the stream in these tests

// written is a packet that the Pacer wrote to the connection.
type written struct {
	rtp.Header
	payload []byte
}

// stubWriter stands in for the connection's writer and stores the packets.
type stubWriter struct {
	mu      sync.Mutex
	packets []written
}

func (w *stubWriter) Write(h *rtp.Header, payload []byte, _ interceptor.Attributes) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := h.Clone()
	c.Extensions, c.Extension = nil, false
	for _, id := range h.GetExtensionIDs() {
		if err := c.SetExtension(id, slices.Clone(h.GetExtension(id))); err != nil {
			return 0, err
		}
	}
	w.packets = append(w.packets, written{c, slices.Clone(payload)})
	return len(payload), nil
}

// take returns the packets written since the previous call.
func (w *stubWriter) take() []written {
	w.mu.Lock()
	defer w.mu.Unlock()
	packets := w.packets
	w.packets = nil
	return packets
}

// sequenceNumbers returns the sequence numbers of packets.
func sequenceNumbers(packets []written) []uint16 {
	var seqs []uint16
	for _, p := range packets {
		seqs = append(seqs, p.SequenceNumber)
	}
	return seqs
}
