package signal

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"

	"meet/internal/rtc"
)

// What waits for a client that does not read is bounded in bytes too; one message may be of any size.
func TestSendQueueIsBoundedInBytes(t *testing.T) {
	message := func(size int) *rtc.Message {
		return rtc.NewMessage(&livekit.SignalResponse{Message: &livekit.SignalResponse_RefreshToken{RefreshToken: strings.Repeat("x", size)}})
	}
	c := newConn(slog.New(slog.DiscardHandler))
	if !c.Send(message(2 * maxQueuedBytes)) {
		t.Error("a large message by itself was refused")
	}
	if c.Send(message(1)) || !c.tooSlow.Load() {
		t.Error("more was queued behind it")
	}
	c = newConn(slog.New(slog.DiscardHandler))
	n := 0
	for c.Send(message(maxQueuedBytes / 4)) {
		n++
	}
	if n != 3 { // the fourth is over the limit by its own header
		t.Errorf("%d messages were queued", n)
	}
}
