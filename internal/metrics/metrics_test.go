package metrics

import (
	"context"
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// exampleSources returns sources with fixed values.
func exampleSources() Sources {
	return Sources{
		Media: func(context.Context) Media {
			return Media{
				Rooms: 2, Participants: 5, AudioTracks: 3, VideoTracks: 4, DataTracks: 1, PausedVideos: 6,
				NACKsReceived: 70, Retransmitted: 69, ReportedExpected: 1000, ReportedLost: 13,
				RoundTripsWithin: map[float64]uint64{0.1: 3, 0.2: 5}, RoundTrips: 6, RoundTripSeconds: 1.5,
				ForwardedWithin: map[float64]uint64{0.0001: 7, 0.1: 8}, Forwarded: 9, ForwardedSeconds: 0.25,
			}
		},
		SignalConnections: func() int { return 5 },
		Agents:            func() Agents { return Agents{Workers: 3, Jobs: 4, Waiting: 1} },
		Socket:            func() Socket { return Socket{PacketsIn: 10, BytesIn: 1000, PacketsOut: 20, BytesOut: 3000, Dropped: 1} },
		Relays:            func() Relays { return Relays{Open: 8, BytesIn: 81, BytesOut: 82} },
		Webhooks:          func(context.Context) Webhooks { return Webhooks{Pending: 9, DeadLetters: 2} },
	}
}

// A scrape contains every metric, and Prometheus's linter accepts all of them.
func TestScrapeShowsEveryMetricAndPassesTheLinter(t *testing.T) {
	m := New("1.2.3", exampleSources())
	m.CountEvent("room_started")
	m.ObserveJoin(300 * time.Millisecond)
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"meet_rooms 2", "meet_participants 5", `meet_tracks{kind="audio"} 3`, `meet_tracks{kind="data"} 1`, "meet_paused_video_subscriptions 6",
		`meet_udp_packets_total{direction="out"} 20`, `meet_udp_bytes_total{direction="in"} 1000`, "meet_udp_dropped_total 1",
		"meet_subscriber_packets_missed_total 70", "meet_subscriber_packets_resent_total 69", "meet_relays 8", `meet_relay_bytes_total{direction="in"} 81`, `meet_relay_bytes_total{direction="out"} 82`,
		"meet_signal_connections 5", "meet_agent_workers 3", `meet_agent_jobs{state="waiting"} 1`, "meet_subscriber_packets_lost_total 13",
		`meet_subscriber_round_trip_seconds_bucket{le="0.2"} 5`, "meet_subscriber_round_trip_seconds_count 6",
		`meet_forwarding_seconds_bucket{le="0.0001"} 7`, "meet_forwarding_seconds_count 9", "meet_forwarding_seconds_sum 0.25",
		"meet_webhooks_pending 9", "meet_webhooks_dead_letters 2", `meet_room_events_total{event="room_started"} 1`,
		`meet_join_seconds_bucket{le="0.4"} 1`, `meet_join_seconds_bucket{le="0.2"} 0`, `meet_build_info{version="1.2.3"} 1`,
		"go_goroutines ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no line begins with %s", want)
		}
	}
}

// Meetings must not create new label values. Therefore the test lists all allowed label values of the meet_ metrics.
func TestLabelsHaveOnlyFixedValues(t *testing.T) {
	families, err := New("1.2.3", exampleSources()).registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]*regexp.Regexp{
		"kind": regexp.MustCompile("^(audio|video|data)$"), "direction": regexp.MustCompile("^(in|out)$"), "version": regexp.MustCompile("."),
		"state": regexp.MustCompile("^(running|waiting)$"),
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "meet_") {
			continue
		}
		for _, one := range f.Metric {
			for _, l := range one.Label {
				if allowed[l.GetName()] == nil || !allowed[l.GetName()].MatchString(l.GetValue()) {
					t.Errorf("%s has label %s=%q", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
}
