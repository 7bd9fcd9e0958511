package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"meet/internal/config"
	"meet/test/harness"
)

// checkSecureHeaders checks that a response has the security headers.
func checkSecureHeaders(t *testing.T, what string, resp *http.Response) {
	t.Helper()
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "", "Content-Security-Policy": "default-src 'none'; "} {
		if got := resp.Header.Values(name); len(got) != 1 || !strings.HasPrefix(got[0], want) || got[0] == "" {
			t.Errorf("%s: %s, %s is %q", what, resp.Status, name, got)
		}
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("%s: policy %s", what, csp)
	}
}

func TestEveryResponseHasSecurityHeaders(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys, cfg.AllowedOrigins = []config.Key{config.DevKey}, []string{"https://friend.example.org"}
	s := start(t, cfg)
	s.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	routes := s.Routes()
	for _, extra := range []string{"/nothing", "/rooms/", "/rooms/%ff", "/rooms/" + strings.Repeat("x", 500), "/static/none.js", "/join?code=%00", "/join?code=blue", "/custom?liveKitUrl=x", "/api/connection-details", "/twirp/", "/rtc/validate", "//rtc"} {
		routes = append(routes, &echo.Route{Method: "GET", Path: extra}, &echo.Route{Method: "POST", Path: extra}, &echo.Route{Method: "DELETE", Path: extra})
	}
	if len(routes) < 60 {
		t.Fatalf("only %d routes", len(routes))
	}
	for _, route := range routes {
		if route.Path == "/api/events" || route.Method == echo.RouteNotFound || route.Method == "PROPFIND" {
			continue // a stream, see below
		}
		for _, origin := range []string{"", "https://elsewhere.example.org"} {
			path := strings.NewReplacer(":room", "blue", ":session", "s", "*", "x").Replace(route.Path)
			resp, _ := s.requestFrom(route.Method, path, "", origin, "")
			checkSecureHeaders(t, route.Method+" "+path, resp)
		}
	}
	for what, headers := range map[string]string{
		"events": "", "events refused": "Origin: https://elsewhere.example.org\r\n", "a broken upgrade": "Sec-WebSocket-Key: x\r\n", "a compressed page": "Accept-Encoding: gzip\r\n",
	} {
		path := "/api/events"
		if strings.HasPrefix(what, "a ") {
			path = "/"
		}
		checkSecureHeaders(t, what, request(t, s.Address, "localhost", path, headers))
	}
}

func TestRedirectsHaveSecurityHeaders(t *testing.T) {
	cfg := harness.Settings(t)
	trust := useTLS(t, &cfg)
	cfg.HTTPListen, cfg.BasePath = freeAddress(t), "/meet"
	s := start(t, cfg)
	transport := &http.Transport{TLSClientConfig: trust}
	defer transport.CloseIdleConnections()
	for what, resp := range map[string]*http.Response{
		"redirect of plain HTTP":     request(t, cfg.HTTPListen, "meet.example.org", "/", ""),
		"redirect on the same port":  request(t, s.Address, "meet.example.org", "/", ""),
		"redirect to the base path":  request(t, s.Address, "localhost", "/meet", ""),
		"health check on plain HTTP": request(t, cfg.HTTPListen, "meet.example.org", "/healthz", ""),
	} {
		checkSecureHeaders(t, what, resp)
		if got := resp.Header.Get("Strict-Transport-Security"); got != "" {
			t.Errorf("%s: plain HTTP has HSTS %s, which browsers must ignore", what, got)
		}
	}
}
