package cli

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"meet/internal/loadtest"
)

// With a small load, all packets arrive, and the server's CPU time and memory are reported.
func TestLoadTestReportsCompleteDelivery(t *testing.T) {
	address, server := startServer(t, filepath.Join(t.TempDir(), "data"), "--keys", "devkey: secret")
	for name, tt := range map[string]struct {
		args                    []string
		publishers, subscribers int
		rate                    float64 // packets a second
	}{
		"all tracks to all subscribers": {[]string{"--publishers", "2", "--subscribers", "4", "--packets", "2", "--frames", "10"}, 2, 4, 2 * 4 * 20},
		"two rooms with audio and layouts": {
			[]string{"--rooms", "2", "--publishers", "2", "--audio-publishers", "1", "--subscribers", "2", "--layout", "speaker", "--simulcast", "--ramp", "20", "--packets", "9", "--frames", "10", "--feedback", "--single-connection"},
			6, 4, 4 * (10*(9+1) + 50),
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			args := append([]string{"load-test", "--settle", "1s", "--duration", "2s", "--json", "--pid", strconv.Itoa(server.Process.Pid)}, tt.args...)
			out, err := clientCommand(ctx, t, address, args...).Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var r loadtest.Report
			if err := json.Unmarshal(out, &r); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			if r.Publishers != tt.publishers || r.Subscribers != tt.subscribers {
				t.Errorf("%d publishers, %d subscribers", r.Publishers, r.Subscribers)
			}
			// A busy machine sends and receives late, and servers may drop silent audio.
			if r.Expected != tt.rate {
				t.Errorf("%.0f packets a second are expected, want %.0f", r.Expected, tt.rate)
			}
			if r.Rate < tt.rate/2 || r.Rate > tt.rate*1.5 || r.LossRatio > 0.05 {
				t.Errorf("%.0f packets a second, want about %.0f; %.3f lost", r.Rate, tt.rate, r.LossRatio)
			}
			if r.Join.P50 == 0 || r.FirstMedia.P50 < r.Join.P50/10 || r.Delay.P99 == 0 || r.ServerCPU == 0 || r.Memory == 0 {
				t.Errorf("a value is not measured: %s", out)
			}
		})
	}
}
