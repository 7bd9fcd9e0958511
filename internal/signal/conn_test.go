package signal

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"

	"meet/internal/rtc"
)

// If the queue is empty, a message of any size is accepted.
func TestSendQueueIsBoundedInBytes(t *testing.T) {
	message := func(size int) *rtc.Message {
		return rtc.NewMessage(&livekit.SignalResponse{Message: &livekit.SignalResponse_RefreshToken{RefreshToken: strings.Repeat("x", size)}})
	}
	c := newConn(slog.New(slog.DiscardHandler))
	if !c.Send(message(2 * maxQueuedBytes)) {
		t.Error("a large message by itself was refused")
	}
	if c.Send(message(1)) || !c.tooSlow.Load() {
		t.Error("another message was queued behind it")
	}
	c = newConn(slog.New(slog.DiscardHandler))
	n := 0
	for c.Send(message(maxQueuedBytes / 4)) {
		n++
	}
	if n != 3 { // the fourth would exceed the limit by its header
		t.Errorf("%d messages were queued", n)
	}
}
