package site_test

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"meet/internal/site"
)

func TestWrongMethodIsAnswered405(t *testing.T) {
	r := newTestSite(t, site.Options{})
	for path, method := range map[string]string{
		"/": "POST", "/new": "DELETE", "/join": "POST", "/rooms/blue": "PUT", "/static/x.js": "POST", "/token": "GET",
		"/api/rooms": "POST", "/api/meetings": "PATCH", "/api/events": "POST", "/api/connection-details": "POST",
	} {
		w := r.do(method, path, "")
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" || !strings.Contains(w.Body.String(), "method not allowed") {
			t.Errorf("%s %s: %d %q, allowed: %q; want 405", method, path, w.Code, w.Body, w.Header().Get("Allow"))
		}
		if w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s %s: no policy", method, path)
		}
	}
}

func TestErrorIsHTMLTextOrJSONDependingOnRouteAndClient(t *testing.T) {
	r := newTestSite(t, site.Options{})
	const browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
	for _, tc := range []struct{ path, accept, ctype, text string }{
		{"/nowhere", browser, "text/html", "There is no such page"},
		{"/rooms", browser, "text/html", "There is no such page"},
		{"/rooms/%20%0A", browser, "text/html", "There is no such page"},
		{"/nowhere", "Accept: */*", "text/plain", "not found"},
		{"/static/nowhere.js", "Accept: */*", "text/plain", "not found"},
		{"/static/assets", "Accept: */*", "text/plain", "not found"},
		{"/static/../secure.go", "Accept: */*", "text/plain", "not found"},
		{"/api/nowhere", browser, "application/json", `{"error":"not found"}`},
	} {
		w := r.do("GET", tc.path, "", tc.accept)
		if w.Code != http.StatusNotFound || !strings.HasPrefix(w.Header().Get("Content-Type"), tc.ctype) || !strings.Contains(w.Body.String(), tc.text) {
			t.Errorf("%s: %d %s %.80q, want 404 %s %q", tc.path, w.Code, w.Header().Get("Content-Type"), w.Body, tc.ctype, tc.text)
		}
		if w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: no policy", tc.path)
		}
	}
	if n := strings.Count(r.log.String(), "\n"); n > 1 {
		t.Errorf("%d lines logged about invalid requests, want one with their number:\n%s", n, r.log)
	}
}

func TestInternalErrorsShowOnlyAnID(t *testing.T) {
	r := newTestSite(t, site.Options{})
	r.echo.GET("/broken", func(echo.Context) error { return errors.New("the password is hunter2") })
	r.echo.GET("/panics", func(echo.Context) error { panic("hunter2") })
	for _, path := range []string{"/broken", "/panics"} {
		w := r.do("GET", path, "", "Accept: text/html")
		id := regexp.MustCompile(`<code>([A-Z2-7]{8})</code>`).FindStringSubmatch(w.Body.String())
		if w.Code != http.StatusInternalServerError || id == nil || strings.Contains(w.Body.String(), "hunter2") {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		if !strings.Contains(r.log.String(), "id="+id[1]) || !strings.Contains(r.log.String(), "hunter2") {
			t.Errorf("%s: the log lacks the error %s:\n%s", path, id[1], r.log)
		}
	}
	if !strings.Contains(r.log.String(), "site_test.go") {
		t.Error("the log lacks the stack of the panic")
	}
}

func TestPageThatPanicsIsAnsweredByTheErrorPage(t *testing.T) {
	r := newTestSite(t, site.Options{})
	r.echo.GET("/panics", func(echo.Context) error { panic("hunter2") }, site.Compress())
	for _, headers := range [][]string{{"Accept: text/html"}, {"Accept: text/html", "Accept-Encoding: gzip"}} {
		w := r.do("GET", "/panics", "", headers...)
		if page := w.Body.String(); w.Code != http.StatusInternalServerError || !regexp.MustCompile(`<code>[A-Z2-7]{8}</code>`).MatchString(page) {
			t.Errorf("%q: status %d, %q", headers, w.Code, page)
		}
	}
}
