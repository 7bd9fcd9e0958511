package app_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
)

// metrics reads the figures by their names, those with a label by name{label="value"}.
func (s *server) metrics(headers ...string) (status int, figures map[string]float64) {
	s.t.Helper()
	req, err := http.NewRequest("GET", "http://"+s.address+"/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	figures = map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			figures[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return resp.StatusCode, figures
}

// TestMetrics: the figures follow a call.
func TestMetrics(t *testing.T) {
	s := start(t, settings(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ada := s.join(ctx, "counted", "Ada", client.Options{})
	s.join(ctx, "counted", "Bo", client.Options{})
	mic, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]float64
	eventually(ctx, t, "a voice that is heard, and reported of, is counted", func() bool {
		if err := mic.WriteSample(media.Sample{Data: make([]byte, 80), Duration: 20 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		_, got = s.metrics()
		return got[`meet_tracks{kind="audio"}`] == 1 && got[`meet_subscriptions{kind="audio"}`] == 1 && got["meet_subscriber_round_trip_seconds_count"] > 0 &&
			got["meet_forwarding_seconds_count"] > 0
	})
	if took := got["meet_forwarding_seconds_sum"]; took <= 0 || took > 10*got["meet_forwarding_seconds_count"] {
		t.Errorf("forwarding took %v s together", took)
	}
	for name, least := range map[string]float64{
		"meet_rooms": 1, "meet_participants": 2, "meet_publishers": 1, "meet_signal_connections": 2, "meet_subscriber_packets_expected_total": 1, `meet_udp_packets_total{direction="in"}`: 10,
		`meet_udp_packets_total{direction="out"}`: 10, `meet_udp_bytes_total{direction="out"}`: 1000, "meet_join_seconds_count": 2,
		`meet_room_events_total{event="participant_joined"}`: 2, `meet_room_events_total{event="track_published"}`: 1, "go_goroutines": 10,
	} {
		if got[name] < least {
			t.Errorf("%s is %v, want at least %v", name, got[name], least)
		}
	}
}

// TestOnlyJoinsAreTimed: who is shown in another room, or moved there, has not joined anew.
func TestOnlyJoinsAreTimed(t *testing.T) {
	cfg := settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ada := s.join(ctx, "here", "Ada", client.Options{}).Participant().Identity
	api := s.api(token.VideoGrant{RoomAdmin: true, Room: "here", DestinationRoom: "there"})
	if _, err := api.ForwardParticipant(ctx, &livekit.ForwardParticipantRequest{Room: "here", Identity: ada, DestinationRoom: "there"}); err != nil {
		t.Fatal(err)
	}
	bo := s.join(ctx, "here", "Bo", client.Options{}).Participant().Identity
	if _, err := api.MoveParticipant(ctx, &livekit.MoveParticipantRequest{Room: "here", Identity: bo, DestinationRoom: "there"}); err != nil {
		t.Fatal(err)
	}
	var got map[string]float64
	eventually(ctx, t, "all four arrivals are counted", func() bool {
		_, got = s.metrics()
		return got[`meet_room_events_total{event="participant_joined"}`] == 4
	})
	if n := got["meet_join_seconds_count"]; n != 2 {
		t.Errorf("%v joins were timed, want 2", n)
	}
}

// TestMetricsAreNotForStrangers: what a proxy passes on is not from this machine, and needs the token.
func TestMetricsAreNotForStrangers(t *testing.T) {
	for name, tt := range map[string]struct {
		set     string
		headers []string
		want    int
	}{
		"from here":                {"", nil, http.StatusOK},
		"through a proxy":          {"", []string{"X-Forwarded-For: 198.51.100.7"}, http.StatusNotFound},
		"no token is set":          {"", []string{"X-Forwarded-For: 198.51.100.7", "Authorization: Bearer "}, http.StatusNotFound},
		"with the token":           {"0123456789abcdef", []string{"X-Forwarded-For: 198.51.100.7", "Authorization: Bearer 0123456789abcdef"}, http.StatusOK},
		"with another":             {"0123456789abcdef", []string{"Forwarded: for=198.51.100.7", "Authorization: Bearer 0123456789abcdeg"}, http.StatusNotFound},
		"in another form of login": {"0123456789abcdef", []string{"Via: 1.1 proxy", "Authorization: 0123456789abcdef"}, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := settings(t)
			cfg.MetricsToken = tt.set
			s := start(t, cfg)
			if status, figures := s.metrics(tt.headers...); status != tt.want || (status == http.StatusOK) != (len(figures) > 20) {
				t.Errorf("status %d with %d figures, want %d", status, len(figures), tt.want)
			}
		})
	}
}
