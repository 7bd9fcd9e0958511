package sfu

import (
	"testing"
	"time"
)

func TestNTPTimestampsBeforeAndAfter2036RolloverAreConverted(t *testing.T) {
	for _, tt := range []struct {
		ntp  uint64
		want time.Time
	}{
		{1<<63 | 1<<31, time.Date(1968, 1, 20, 3, 14, 8, 500_000_000, time.UTC)},
		{0xffffffff << 32, time.Date(2036, 2, 7, 6, 28, 15, 0, time.UTC)},
		{1 << 30, time.Date(2036, 2, 7, 6, 28, 16, 250_000_000, time.UTC)},
		{1<<32 | 1<<31, time.Date(2036, 2, 7, 6, 28, 17, 500_000_000, time.UTC)},
	} {
		if got := ntpTime(tt.ntp); !got.Equal(tt.want) {
			t.Errorf("%#x: %v, want %v", tt.ntp, got.UTC(), tt.want)
		}
	}
}

func TestLayerClockIsUnknownAfterSenderReportWithoutNTPTime(t *testing.T) {
	g := newFixture(t, 1, false)
	l := g.r.layer(0)
	l.mu.Lock()
	l.lastSenderReport = senderReport{rtp: 1, at: g.now} // a sender without a clock sends NTP time 0
	l.mu.Unlock()
	if c, ok := g.r.Clock(0); ok {
		t.Errorf("clock %+v", c)
	}
}
