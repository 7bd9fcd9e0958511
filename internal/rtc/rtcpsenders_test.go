package rtc

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
)

func TestRTCPSendersAreBounded(t *testing.T) {
	s := newRTCPSenders()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	packet := func(first, second byte, sender uint32) []byte {
		b := make([]byte, 32)
		b[0], b[1] = first, second
		binary.BigEndian.PutUint32(b[4:], sender)
		return b
	}
	taken := 0
	for sender := range uint32(50_000) {
		if s.admit(packet(0x80, 201, sender), clock) {
			taken++
		}
	}
	if taken != senderBurst {
		t.Errorf("%d senders at once", taken)
	}
	if !s.admit(packet(0x81, 205, 7), clock) {
		t.Error("feedback of a known sender is left out")
	}
	for name, p := range map[string][]byte{
		"RTP": packet(0x80, 96, 60_000), "RTP with a marker": packet(0x80, 96|0x80, 60_001), "DTLS": packet(22, 254, 60_002), "a short packet": {0x80, 201, 0},
	} {
		if !s.admit(p, clock) {
			t.Errorf("%s is left out", name)
		}
	}
	if now = now.Add(time.Second); !s.admit(packet(0x80, 200, 70_000), clock) {
		t.Error("a new sender a second later is left out")
	}
	for sender := uint32(100_000); now.Year() == 2026; sender++ {
		now = now.Add(time.Minute)
		s.admit(packet(0x80, 200, sender), clock)
	}
	if len(s.known) != maxSenders {
		t.Errorf("%d senders in all", len(s.known))
	}
}

// The bound is on the way of real packets: feedback of ever new senders is dropped before it is decrypted.
func TestFeedbackOfNewSenders(t *testing.T) {
	h := newHouse(t)
	mallory, _ := h.flooder(&interceptor.Registry{})
	senders := 0
	mallory.state(func(p *Participant) {
		p.publisher.pc.senders.mu.Lock()
		defer p.publisher.pc.senders.mu.Unlock()
		senders = len(p.publisher.pc.senders.known)
	})
	for sender := range uint32(3 * senderBurst) {
		_ = mallory.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1_000_000 + sender}})
	}
	eventually(t, "the bound is reached", func() bool {
		known := 0
		mallory.state(func(p *Participant) {
			p.publisher.pc.senders.mu.Lock()
			defer p.publisher.pc.senders.mu.Unlock()
			known = len(p.publisher.pc.senders.known)
		})
		return known > senders+senderBurst/2
	})
}
