package app_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
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
	"meet/test/harness"
)

// metrics reads all metrics by their names. The name of a metric with a label is name{label="value"}.
func (s *server) metrics(headers ...string) (status int, figures map[string]float64) {
	s.T.Helper()
	req, err := http.NewRequest("GET", s.URL()+"/metrics", nil)
	if err != nil {
		s.T.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	resp, err := s.HTTP.Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	figures = map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			figures[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return resp.StatusCode, figures
}

func TestMetricsCountParticipantsTracksAndPacketsOfACall(t *testing.T) {
	s := start(t, harness.Settings(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ada := s.joinByPage(ctx, "counted", "Ada", client.Options{})
	s.joinByPage(ctx, "counted", "Bo", client.Options{})
	mic, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]float64
	harness.Eventually(ctx, t, "the audio track, its subscription and its receiver report are counted", func() bool {
		if err := mic.WriteSample(media.Sample{Data: make([]byte, 80), Duration: 20 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		_, got = s.metrics()
		return got[`meet_tracks{kind="audio"}`] == 1 && got[`meet_subscriptions{kind="audio"}`] == 1 && got["meet_subscriber_round_trip_seconds_count"] > 0 &&
			got["meet_forwarding_seconds_count"] > 0
	})
	if took := got["meet_forwarding_seconds_sum"]; took <= 0 || took > 10*got["meet_forwarding_seconds_count"] {
		t.Errorf("forwarding took %v s in total", took)
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

// Participants that are moved or forwarded to a room have not joined it.
func TestJoinTimeMetricExcludesMovedAndForwardedParticipants(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ada := s.joinByPage(ctx, "here", "Ada", client.Options{}).Participant().Identity
	api := s.roomService(token.VideoGrant{RoomAdmin: true, Room: "here", DestinationRoom: "there"})
	if _, err := api.ForwardParticipant(ctx, &livekit.ForwardParticipantRequest{Room: "here", Identity: ada, DestinationRoom: "there"}); err != nil {
		t.Fatal(err)
	}
	bo := s.joinByPage(ctx, "here", "Bo", client.Options{}).Participant().Identity
	if _, err := api.MoveParticipant(ctx, &livekit.MoveParticipantRequest{Room: "here", Identity: bo, DestinationRoom: "there"}); err != nil {
		t.Fatal(err)
	}
	var got map[string]float64
	harness.Eventually(ctx, t, "all four arrivals are counted", func() bool {
		_, got = s.metrics()
		return got[`meet_room_events_total{event="participant_joined"}`] == 4
	})
	if n := got["meet_join_seconds_count"]; n != 2 {
		t.Errorf("%v joins were timed, want 2", n)
	}
}

// All requests in this test come from a loopback address, but not all count as local: a proxy on this machine, or a
// browser after DNS rebinding, also connects from a loopback address, and needs the token.
func TestMetricsAreServedOnlyWithTheTokenOrToALocalRequest(t *testing.T) {
	const token, given, wrong = "0123456789abcdef", "Authorization: Bearer 0123456789abcdef", "Authorization: Bearer 0123456789abcdeg"
	const ok, notFound = http.StatusOK, http.StatusNotFound
	type request struct {
		name    string
		headers []string
		want    int
	}
	for name, tt := range map[string]struct {
		listen, token string
		requests      []request
	}{
		"listening on loopback": {"127.0.0.1:0", "", []request{
			{"by address", nil, ok},
			{"by name", []string{"Host: LocalHost:8080"}, ok},
			{"by another address", []string{"Host: 127.8.9.10"}, ok},
			{"by IPv6", []string{"Host: [::1]:8080"}, ok},
			{"by IPv6 without a port", []string{"Host: [::1]"}, ok},
			{"through a proxy", []string{"X-Forwarded-For: 198.51.100.7"}, notFound},
			{"through a proxy that only says it speaks TLS", []string{"Front-End-Https: on"}, notFound},
			{"through a proxy that adds no header", []string{"Host: meet.example.org"}, notFound},
			{"after DNS rebinding", []string{"Host: attacker.example:8080"}, notFound},
			{"by a name that begins with localhost", []string{"Host: localhost.attacker.example"}, notFound},
			{"by a name that begins with a loopback address", []string{"Host: 127.0.0.1.attacker.example"}, notFound},
			{"by the unspecified address", []string{"Host: 0.0.0.0:8080"}, notFound},
			{"no token is set", []string{"X-Forwarded-For: 198.51.100.7", "Authorization: Bearer "}, notFound},
		}},
		"listening on loopback, with a token": {"127.0.0.1:0", token, []request{
			{"by address", nil, ok},
			{"through a proxy, with the token", []string{"X-Forwarded-For: 198.51.100.7", given}, ok},
			{"by any name, with the token", []string{"Host: meet.example.org", given}, ok},
			{"with the scheme in lower case", []string{"Via: 1.1 proxy", "authorization: bearer " + token}, ok},
			{"with another token", []string{"Forwarded: for=198.51.100.7", wrong}, notFound},
			{"with another form of login", []string{"Via: 1.1 proxy", "Authorization: 0123456789abcdef"}, notFound},
		}},
		"listening on all addresses": {"0.0.0.0:0", "", []request{
			{"by address", nil, notFound},
			{"by name", []string{"Host: localhost"}, notFound},
			{"without a token", []string{"Authorization: Bearer "}, notFound},
		}},
		"listening on all addresses, with a token": {"0.0.0.0:0", token, []request{
			{"by address", nil, notFound},
			{"with the token", []string{given}, ok},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := harness.Settings(t)
			cfg.Listen, cfg.MetricsToken = tt.listen, tt.token
			s := start(t, cfg)
			s.Address = fmt.Sprintf("127.0.0.1:%d", s.Addr().Port())
			for _, r := range tt.requests {
				if status, figures := s.metrics(r.headers...); status != r.want || (status == ok) != (len(figures) > 20) {
					t.Errorf("%s: status %d with %d figures, want %d", r.name, status, len(figures), r.want)
				}
			}
		})
	}
}

// Requests over HTTP/1.0 are refused even if they look local. They probably come through a proxy on this machine that
// replaces the Host header and adds no forwarding header: most such proxies use HTTP/1.0.
func TestMetricsAreRefusedOverHTTP10(t *testing.T) {
	s := start(t, harness.Settings(t))
	conn, err := net.Dial("tcp", s.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("GET /metrics HTTP/1.0\r\nHost: " + s.Address + "\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", resp.StatusCode)
	}
}
