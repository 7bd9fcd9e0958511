package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

const friend = "https://friend.example.org"

// askFrom sends a request with an Origin, "" for none, and returns the answer with its text.
func (s *server) askFrom(method, path, host, origin, body string) (*http.Response, string) {
	s.T.Helper()
	req, err := http.NewRequest(method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	req.Host = host
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	if method == http.MethodOptions {
		req.Header.Set("Access-Control-Request-Method", http.MethodPost)
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
	return resp, string(text)
}

// TestUnlistedOriginIsRefused asks as pages of several sites do.
func TestUnlistedOriginIsRefused(t *testing.T) {
	const wish = `{"roomName":"blue","participantName":"Ada"}`
	cfg := harness.Settings(t)
	cfg.BasePath, cfg.AllowedOrigins = "/meet", []string{friend}
	s := start(t, cfg)
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/token", wish},
		{"OPTIONS", "/token", ""},
		{"GET", "/api/rooms", ""},
		{"GET", "/api/connection-details?roomName=blue&participantName=Ada", ""},
		{"GET", "/rtc/validate", ""},
		{"OPTIONS", "/rtc/v1", ""},
		{"GET", "/meet/api/rooms", ""},
		{"GET", "//rtc", ""},
	} {
		for origin, allowed := range map[string]bool{
			"": true, friend: true, "https://meet.example.org": true, "http://meet.example.org": true,
			"https://elsewhere.example.org": false, "null": false, friend + ".evil.example": false, "https://meet.example.org:8443": false, "meet.example.org": false,
		} {
			resp, text := s.askFrom(tt.method, tt.path, "meet.example.org", origin, tt.body)
			if refused := resp.StatusCode == http.StatusForbidden && strings.Contains(text, "allowed_origins"); refused == allowed {
				t.Errorf("%s %s from %q: %d %s", tt.method, tt.path, origin, resp.StatusCode, text)
			}
			readable := resp.Header.Get("Access-Control-Allow-Origin")
			if readable != "" && readable != origin || resp.Header.Get("Vary") == "" {
				t.Errorf("%s %s from %q: Access-Control-Allow-Origin %q, Vary %q", tt.method, tt.path, origin, readable, resp.Header["Vary"])
			}
			if origin == friend && readable == "" && (strings.HasPrefix(tt.path, "/token") || strings.HasPrefix(tt.path, "/rtc")) {
				t.Errorf("%s %s: an allowed page cannot read the answer", tt.method, tt.path)
			}
		}
	}
	for _, path := range []string{"/", "/rooms/blue", "/healthz", "/rtcx"} {
		if resp, text := s.askFrom("GET", path, "meet.example.org", "https://elsewhere.example.org", ""); resp.StatusCode == http.StatusForbidden {
			t.Errorf("%s: %d %s", path, resp.StatusCode, text)
		}
	}
}

// TestUnlistedOriginIsRefusedOnSockets: browsers let any page open a WebSocket, so the server has to look.
func TestUnlistedOriginIsRefusedOnSockets(t *testing.T) {
	for name, tt := range map[string]struct {
		allowed []string
		origin  string
		want    int
	}{
		"unset":        {nil, "https://elsewhere.example.org", http.StatusSwitchingProtocols},
		"another site": {[]string{friend}, "https://elsewhere.example.org", http.StatusForbidden},
		"a friend":     {[]string{friend}, friend, http.StatusSwitchingProtocols},
		"a program":    {[]string{friend}, "", http.StatusSwitchingProtocols},
		"its own":      {[]string{friend}, "https://meet.example.org", http.StatusSwitchingProtocols},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := harness.Settings(t)
			cfg.AllowedOrigins, cfg.Keys = tt.allowed, []config.Key{config.DevKey}
			s := start(t, cfg)
			raw, err := token.New(config.DevKey.Name, config.DevKey.Secret).SetIdentity("ada").SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: "blue"}).ToJWT()
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{"Authorization": {"Bearer " + raw}}
			header.Set("X-Forwarded-Host", "meet.example.org") // of a proxy that changes Host
			if tt.origin != "" {
				header.Set("Origin", tt.origin)
			}
			ws, resp, err := websocket.DefaultDialer.Dial(s.SocketURL()+"/rtc?protocol=16", header)
			if resp == nil || resp.StatusCode != tt.want {
				t.Fatalf("%v, %v, want status %d", resp, err, tt.want)
			}
			if err == nil {
				_ = ws.Close()
			}
		})
	}
}

// TestAnyOriginIsAllowedUnlessSet: pages of all sites may read the answers, as with the token server that /token stands for.
func TestAnyOriginIsAllowedUnlessSet(t *testing.T) {
	s := start(t, harness.Settings(t))
	for _, path := range []string{"/token", "/rtc/validate"} {
		resp, text := s.askFrom("POST", path, "", "https://elsewhere.example.org", `{"roomName":"blue","participantName":"Ada"}`)
		if resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.StatusCode == http.StatusForbidden {
			t.Errorf("%s: %d %s %v", path, resp.StatusCode, text, resp.Header)
		}
	}
}
