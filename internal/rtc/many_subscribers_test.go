package rtc

import (
	"fmt"
	"testing"
)

// countingSink is a SignalSink that encodes messages, as a connection would, and counts them.
type countingSink struct{ messages, bytes int }

// Send encodes m and counts it.
func (c *countingSink) Send(m *Message) bool {
	raw, err := m.Encode(false)
	if err != nil {
		panic(err)
	}
	c.messages++
	c.bytes += len(raw)
	return true
}

// Close does nothing.
func (c *countingSink) Close() {}

// bareParticipant returns a participant of r that has no connections and may not subscribe.
func bareParticipant(r *Room, identity string, sink SignalSink) *Participant {
	req := request(identity)
	req.Info.Permission.CanSubscribe = false
	return blankParticipant(r, req, sink)
}

// admitSubscribers admits n participants that publish nothing and have no connections, and returns their sinks.
func admitSubscribers(b *testing.B, r *Room, n int) []*countingSink {
	sinks := make([]*countingSink, n)
	for i := range n {
		sinks[i] = &countingSink{}
		p := bareParticipant(r, fmt.Sprintf("listener-%04d", i), sinks[i])
		if err := r.loop.Do(b.Context(), func() { r.admit(p); p.activate() }); err != nil {
			b.Fatal(err)
		}
	}
	return sinks
}

// BenchmarkAudienceJoins measures the room's work when a large audience joins: the messages and their encoding, without
// connections.
func BenchmarkAudienceJoins(b *testing.B) {
	for _, n := range []int{300, 1000, 3000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				h := newHarness(b)
				r, err := h.roomFor(JoinRequest{Room: "room"})
				if err != nil {
					b.Fatal(err)
				}
				messages, bytes := 0, 0
				for _, s := range admitSubscribers(b, r, n) {
					messages += s.messages
					bytes += s.bytes
				}
				b.ReportMetric(float64(messages)/float64(n), "messages/participant")
				b.ReportMetric(float64(bytes)/float64(n)/1e6, "MB/participant")
			}
		})
	}
}
