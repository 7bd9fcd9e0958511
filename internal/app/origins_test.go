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

// allowedOrigin is in the setting allowed_origins.
const allowedOrigin = "https://friend.example.org"

// requestFrom sends a request with the given Host and Origin, and returns the response and its body. An empty origin
// means none.
func (s *server) requestFrom(method, path, host, origin, body string) (*http.Response, string) {
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

// Requests come from pages of several sites.
func TestUnlistedOriginIsRefusedByHTTPRoutes(t *testing.T) {
	const body = `{"roomName":"blue","participantName":"Ada"}`
	cfg := harness.Settings(t)
	cfg.BasePath, cfg.AllowedOrigins = "/meet", []string{allowedOrigin}
	s := start(t, cfg)
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/token", body},
		{"OPTIONS", "/token", ""},
		{"GET", "/api/rooms", ""},
		{"GET", "/api/connection-details?roomName=blue&participantName=Ada", ""},
		{"GET", "/rtc/validate", ""},
		{"OPTIONS", "/rtc/v1", ""},
		{"GET", "/meet/api/rooms", ""},
		{"GET", "//rtc", ""},
	} {
		for origin, allowed := range map[string]bool{
			"": true, allowedOrigin: true, "https://meet.example.org": true, "http://meet.example.org": true,
			"https://elsewhere.example.org": false, "null": false, allowedOrigin + ".evil.example": false, "https://meet.example.org:8443": false, "meet.example.org": false,
		} {
			resp, text := s.requestFrom(tt.method, tt.path, "meet.example.org", origin, tt.body)
			if refused := resp.StatusCode == http.StatusForbidden && strings.Contains(text, "allowed_origins"); refused == allowed {
				t.Errorf("%s %s from %q: %d %s", tt.method, tt.path, origin, resp.StatusCode, text)
			}
			readable := resp.Header.Get("Access-Control-Allow-Origin")
			if readable != "" && readable != origin || resp.Header.Get("Vary") == "" {
				t.Errorf("%s %s from %q: Access-Control-Allow-Origin %q, Vary %q", tt.method, tt.path, origin, readable, resp.Header["Vary"])
			}
			if origin == allowedOrigin && readable == "" && (strings.HasPrefix(tt.path, "/token") || strings.HasPrefix(tt.path, "/rtc")) {
				t.Errorf("%s %s: an allowed page cannot read the answer", tt.method, tt.path)
			}
		}
	}
	for _, path := range []string{"/", "/rooms/blue", "/healthz", "/rtcx"} {
		if resp, text := s.requestFrom("GET", path, "meet.example.org", "https://elsewhere.example.org", ""); resp.StatusCode == http.StatusForbidden {
			t.Errorf("%s: %d %s", path, resp.StatusCode, text)
		}
	}
}

// Browsers let every page open a WebSocket to any server, so the server must check the origin.
func TestUnlistedOriginIsRefusedByWebSockets(t *testing.T) {
	for name, tt := range map[string]struct {
		allowed []string
		origin  string
		want    int
	}{
		"unset":                 {nil, "https://elsewhere.example.org", http.StatusSwitchingProtocols},
		"unlisted site":         {[]string{allowedOrigin}, "https://elsewhere.example.org", http.StatusForbidden},
		"allowed site":          {[]string{allowedOrigin}, allowedOrigin, http.StatusSwitchingProtocols},
		"no origin":             {[]string{allowedOrigin}, "", http.StatusSwitchingProtocols},
		"the server's own site": {[]string{allowedOrigin}, "https://meet.example.org", http.StatusSwitchingProtocols},
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
			header.Set("X-Forwarded-Host", "meet.example.org") // as a proxy that changes Host sends it
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

// Pages of all sites may read the responses, as with LiveKit's token servers.
func TestAnyOriginIsAllowedByDefault(t *testing.T) {
	s := start(t, harness.Settings(t))
	for _, path := range []string{"/token", "/rtc/validate"} {
		resp, text := s.requestFrom("POST", path, "", "https://elsewhere.example.org", `{"roomName":"blue","participantName":"Ada"}`)
		if resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.StatusCode == http.StatusForbidden {
			t.Errorf("%s: %d %s %v", path, resp.StatusCode, text, resp.Header)
		}
	}
}
