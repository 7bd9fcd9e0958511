package client

import (
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// The duration of a frame, 1/30 s in whole nanoseconds, is not a whole number of clock ticks. Nevertheless, the RTP
// clock advances by exactly an hour in an hour of frames.
func TestRTPClockDoesNotDriftInAnHour(t *testing.T) {
	for mime, rate := range map[string]uint32{webrtc.MimeTypeVP8: 90_000, webrtc.MimeTypeOpus: 48_000} {
		l, err := newLocalLayer(&Publication{}, "", mime)
		if err != nil {
			t.Fatal(err)
		}
		ticks, at := uint32(0), time.Duration(0)
		for n := range time.Duration(30 * 3600) {
			next := (n + 1) * time.Second / 30
			ticks += l.ticksLocked(next - at)
			at = next
		}
		if want := rate * 3600; ticks != want {
			t.Errorf("%s: %d ticks in an hour, want %d", mime, ticks, want)
		}
		if got := l.ticksLocked(10 * time.Hour); got != uint32(36_000*uint64(rate)) {
			t.Errorf("%s: %d ticks in ten hours", mime, got)
		}
	}
}

func TestRTPClockHasNoRoundingErrorAfterNegativeAdvance(t *testing.T) {
	l, err := newLocalLayer(&Publication{}, "", webrtc.MimeTypeVP8)
	if err != nil {
		t.Fatal(err)
	}
	ticks := uint32(0)
	for _, d := range []time.Duration{10 * time.Second, -9*time.Second - time.Millisecond/3, time.Millisecond / 3} {
		ticks += l.ticksLocked(d)
	}
	if ticks != 90_000 {
		t.Errorf("%d ticks in a second", ticks)
	}
}
