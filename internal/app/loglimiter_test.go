package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A client that joins in a loop under a long name neither fills the disk nor suppresses lines of other levels.
func TestLogDropsLinesBeyondItsRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(newLogLimiter(slog.NewTextHandler(&out, nil)))
		name := strings.Repeat("ä", 128)
		for i := range 10_000 {
			log.With("room", name, "participant", name).Info("participant active", "track", name, "n", i)
		}
		lines := strings.Count(out.String(), "\n")
		if lines != logBurst || out.Len()/lines > 450 {
			t.Errorf("%d lines of %d bytes", lines, out.Len()/lines)
		}
		log.Error("failed", "err", fmt.Errorf("it said %q", strings.Repeat("x", 10_000)), "stack", strings.Repeat("s", 10_000))
		if n := out.Len(); n > lines*450+12_000 || n < lines*100+10_000 {
			t.Errorf("an error and a stack make a log of %d bytes", n)
		}
		if strings.Contains(out.String(), "\ufffd") {
			t.Error("a name is truncated within a character")
		}
		log.Warn("something else")
		time.Sleep(time.Second)
		log.Info("later", "err", fmt.Errorf("a text that is %s", "ours"))
		if got := out.String(); !strings.Contains(got, "something else") || !strings.Contains(got, "lines_left_out_before=9600") {
			t.Errorf("the end of the log is %s", got[len(got)-400:])
		}
	})
}
