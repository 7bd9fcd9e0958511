package server_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
	"meet/test/harness"
	"meet/test/impair"
)

// A megabyte is sent in each direction.
func TestReliableDataArrivesInOrderOverALossyLink(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ada := s.join(ctx, "ada", client.Options{})
	_, lossy := s.overLink(client.Options{}, impair.Profile{Loss: 0.02, Reorder: 0.02, Delay: 10 * time.Millisecond})
	bo := s.join(ctx, "bo", lossy)
	const n = 17
	ada.sendBulk(ctx, n)
	bo.sendBulk(ctx, n)
	for _, g := range []*testClient{ada, bo} {
		harness.Eventually(ctx, t, "all arrives", func() bool { return g.countPackets() == n })
		if numbers := g.bulkNumbers(); !consecutive(numbers) {
			t.Errorf("in the order %v", numbers)
		}
	}
}

// The server drops lossy data that the link cannot carry, so that the data that arrives was sent recently.
func TestLossyDataThatANarrowLinkDeliversIsRecent(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ada := s.join(ctx, "ada", client.Options{})
	_, narrow := s.overLink(client.Options{}, impair.Profile{Rate: 300_000, Delay: 10 * time.Millisecond})
	bo := s.join(ctx, "bo", narrow)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	const n = 400 // 4 s of 800 kbit/s
	for i := range n {
		payload := binary.BigEndian.AppendUint32(make([]byte, 0, 1000), uint32(i))[:1000]
		packet := &livekit.DataPacket{Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: payload}}}
		if err := ada.PublishData(ctx, livekit.DataPacket_LOSSY, packet); err != nil {
			t.Fatal(err)
		}
		<-tick.C
	}
	harness.Eventually(ctx, t, "the latest packets arrive", func() bool {
		numbers := bo.bulkNumbers()
		return len(numbers) > 0 && numbers[len(numbers)-1] >= n-30
	})
	if got := bo.countPackets(); got > n*3/4 {
		t.Errorf("%d of %d packets have arrived: they were queued", got, n)
	}
}
