package site_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"
	"go.uber.org/goleak"

	"meet/internal/assets"
	"meet/internal/lobby"
	"meet/internal/site"
	"meet/internal/store"
	"meet/internal/token"
	"meet/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	key    = "APItest"
	secret = "a-secret-that-is-long-enough-for-hs256"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// embeddedLibrary returns a library that has only the embedded build of the front end.
func embeddedLibrary(t *testing.T) *assets.Library {
	t.Helper()
	build, err := assets.Open(web.Static, "0.2.0", nil)
	if err != nil {
		t.Fatal(err)
	}
	return assets.NewLibrary(build, assets.NewStore(t.TempDir(), nil), "0.2.0", assets.LibraryOptions{})
}

// testSite is a site with its lobby and log.
type testSite struct {
	lobby *lobby.Lobby
	echo  *echo.Echo
	site  *site.Site
	log   *bytes.Buffer
}

// newTestSite opens a site with an empty lobby until the test ends.
func newTestSite(t *testing.T, o site.Options) *testSite {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	l, err := lobby.New(t.Context(), s, lobby.Options{APIKey: key, APISecret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	r := &testSite{lobby: l, echo: echo.New(), log: &bytes.Buffer{}}
	o.Log = slog.New(slog.NewTextHandler(r.log, nil))
	r.site = site.New(l, embeddedLibrary(t), o)
	r.site.Routes(r.echo)
	return r
}

// do sends one request and returns the response. Headers have the form "Name: value".
func (r *testSite) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.Host, req.RemoteAddr = "meet.test:8080", "10.0.0.1:50" // a trusted proxy
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	r.echo.ServeHTTP(w, req)
	return w
}

// holdMeeting makes Ada and Bo join a room. If finished is true, they leave after 63 seconds and the room ends.
func (r *testSite) holdMeeting(sid, name string, finished bool) {
	r.lobby.RoomStarted(lobby.Room{SID: sid, Name: name, CreatedAt: noon})
	r.lobby.ParticipantJoined(sid, lobby.Arrival{Identity: "a", Name: "Ada", At: noon})
	r.lobby.ParticipantJoined(sid, lobby.Arrival{Identity: "b", Name: "Bo", At: noon})
	r.lobby.RoomChanged(sid, 2, "m")
	if finished {
		r.lobby.ParticipantLeft(sid, "a", noon)
		r.lobby.ParticipantLeft(sid, "b", noon.Add(63*time.Second))
		r.lobby.RoomFinished(sid, noon.Add(80*time.Second))
	}
}

func TestLobbyPageShowsRoomsAndMeetings(t *testing.T) {
	r := newTestSite(t, site.Options{ServerURLs: []string{"wss://live.example.org/x", "not; an address"}})
	r.holdMeeting("RM_1", "blue/red", false)
	r.holdMeeting("RM_2", "<b>done</b>", true)
	w := r.do("GET", "/", "")
	if w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	for _, want := range []string{"New meeting", `href="/rooms/blue%2Fred"`, "2 people", "&lt;b&gt;done&lt;/b&gt;", "Ada, Bo", "4 Mar 2026, 12:00 UTC", "1 min"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	csp := w.Header().Get("Content-Security-Policy")
	nonce := regexp.MustCompile(`'nonce-([A-Z2-7]{26})'`).FindStringSubmatch(csp)
	if nonce == nil || !strings.Contains(w.Body.String(), `nonce="`+nonce[1]+`"`) {
		t.Errorf("the page's nonce is not in its policy %q", csp)
	}
	connect := "connect-src 'self' ws://meet.test:8080 wss://meet.test:8080 wss://live.example.org https://live.example.org;"
	if !strings.Contains(csp, connect) || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q, want %q", csp, connect)
	}
	if again := r.do("GET", "/", "").Header().Get("Content-Security-Policy"); again == csp {
		t.Error("the nonce was used twice")
	}
	for _, name := range []string{"Cross-Origin-Opener-Policy", "Permissions-Policy"} {
		if w.Header().Get(name) == "" {
			t.Errorf("no %s", name)
		}
	}
}

func TestHostHeaderCannotAlterTheContentSecurityPolicy(t *testing.T) {
	r := newTestSite(t, site.Options{})
	req := httptest.NewRequest("GET", "/", nil)
	req.Host = "x; script-src *"
	w := httptest.NewRecorder()
	r.echo.ServeHTTP(w, req)
	if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "*") {
		t.Errorf("policy %q", csp)
	}
}

func TestNewAndJoinURLsRedirectToARoomPage(t *testing.T) {
	r := newTestSite(t, site.Options{})
	code := regexp.MustCompile(`^/rooms/[a-z]{3}-[a-z]{4}-[a-z]{3}$`)
	for _, method := range []string{"GET", "POST"} {
		if w := r.do(method, "/new", ""); w.Code != http.StatusSeeOther || !code.MatchString(w.Header().Get("Location")) {
			t.Errorf("%s /new: %d to %q", method, w.Code, w.Header().Get("Location"))
		}
	}
	for code, want := range map[string]string{
		"ABCDEFGHIJ": "/rooms/abc-defg-hij", "team blue": "/rooms/team%20blue", "https://x/rooms/a%2Fb?c": "/rooms/a%2Fb",
	} {
		if w := r.do("GET", "/join?code="+url.QueryEscape(code), ""); w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
			t.Errorf("/join %q: %d to %q, want %q", code, w.Code, w.Header().Get("Location"), want)
		}
	}
	w := r.do("GET", "/join?code=https://example.org/%22%3E", "")
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "That link does not lead to a meeting.") ||
		!strings.Contains(w.Body.String(), `value="https://example.org/&#34;&gt;"`) {
		t.Errorf("a refused link: %d %s", w.Code, w.Body)
	}
}

func TestRoomPageContainsTheRoomNameFromItsURL(t *testing.T) {
	r := newTestSite(t, site.Options{})
	for path, room := range map[string]string{"/rooms/abc-defg-hij": "abc-defg-hij", "/rooms/a%2Fb%20%22": `a/b &#34;`, "/rooms/%C3%A4": "ä", "/rooms/100%25": "100%"} {
		if w := r.do("GET", path, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `data-room="`+room+`"`) {
			t.Errorf("%s: %d, no data-room=%q", path, w.Code, room)
		}
	}
	if w := r.do("GET", "/rooms/"+strings.Repeat("x", 257), "", "Accept: text/html"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "The room&#39;s name is longer than 256 bytes.") {
		t.Errorf("a long name: %d %s", w.Code, w.Body)
	}
}

// The page of a call on another server may connect to that server. The address of the page contains the token, and the
// header Referrer-Policy keeps browsers from sending this address to other sites.
func TestPageForAnotherServersCallHidesTheAccessToken(t *testing.T) {
	r := newTestSite(t, site.Options{})
	w := r.do("GET", "/custom?liveKitUrl=wss://live.example.org&token=secret", "")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `data-server="wss://live.example.org"`) {
		t.Errorf("the call: %d %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "secret") {
		t.Error("the page contains the token")
	}
	h := w.Header()
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "wss://live.example.org https://live.example.org;") {
		t.Errorf("policy %q", csp)
	}
	if h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", h)
	}
	if w := r.do("GET", "/custom", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Access token") || strings.Contains(w.Body.String(), "<script") {
		t.Errorf("the form: %d %s", w.Code, w.Body)
	}
	for _, address := range []string{"live.example.org", "javascript:alert(1)", "wss://a;script-src *", "ftp://live.example.org"} {
		w := r.do("GET", "/custom?token=secret&liveKitUrl="+url.QueryEscape(address), "")
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "This is not the address of a server.") {
			t.Errorf("%s: %d %s", address, w.Code, w.Body)
		}
	}
}

func TestHEADRequestsAreAnsweredWithStatus200(t *testing.T) {
	r := newTestSite(t, site.Options{})
	for _, path := range []string{"/", "/rooms/x", "/api/rooms", "/static/" + assetPath(t, ".js")} {
		if w := r.do("HEAD", path, ""); w.Code != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, w.Code)
		}
	}
}

func TestAPIListsRoomsAndMeetings(t *testing.T) {
	r := newTestSite(t, site.Options{})
	if got := r.do("GET", "/api/rooms", "").Body.String(); strings.TrimSpace(got) != "[]" {
		t.Errorf("no rooms: %q, want an empty list", got)
	}
	r.holdMeeting("RM_1", "blue red", false)
	r.holdMeeting("RM_2", "done", true)
	for path, want := range map[string]string{
		"/api/rooms": `[{"url":"/rooms/blue%20red","id":"RM_1","name":"blue red","creationTime":"2026-03-04T12:00:00Z",` +
			`"numParticipants":2,"isActive":true,"metadata":"m"}]`,
		"/api/meetings": `[{"id":"RM_2","name":"done","participants":["Ada","Bo"],"numParticipants":2,"startedAt":"2026-03-04T12:00:00Z",` +
			`"endedAt":"2026-03-04T12:01:03Z","durationSeconds":63}]`,
	} {
		w := r.do("GET", path, "")
		if diff := cmp.Diff(want, strings.TrimSpace(w.Body.String())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: content type %q", path, got)
		}
	}
}

func TestConnectionDetailsHoldTokenAndServerURL(t *testing.T) {
	r := newTestSite(t, site.Options{})
	w := r.do("GET", "/api/connection-details?roomName=blue&participantName=Ada&metadata=m", "")
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	g, err := token.NewVerifier(token.Keys{key: secret}).Verify(got["participantToken"])
	if err != nil || !strings.HasPrefix(g.Identity, "Ada__") || g.Metadata != "m" {
		t.Errorf("token: %+v, %v", g, err)
	}
	delete(got, "participantToken")
	if diff := cmp.Diff(map[string]string{"serverUrl": "ws://meet.test:8080", "roomName": "blue", "participantName": "Ada"}, got); diff != "" {
		t.Error(diff)
	}
	for query, want := range map[string]string{
		"":                                 "roomName is missing",
		"participantName=Ada":              "roomName is missing",
		"roomName=blue":                    "participantName is missing",
		"roomName=blue&participantName=":   "participantName is missing",
		"roomName=a%00&participantName=A":  "the room's name contains characters that cannot be shown",
		"roomName=a%zz&participantName=A":  "roomName is missing",
		"roomName=a&participantName=%FF":   "the participant's name contains characters that cannot be shown",
		"roomName=a&participantName=A%0Ab": "the participant's name contains characters that cannot be shown",
	} {
		w := r.do("GET", "/api/connection-details?"+query, "", "Accept: text/html")
		if w.Code != http.StatusBadRequest || w.Body.String() != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%q: %d %q %q, want 400 %q", query, w.Code, w.Header().Get("Content-Type"), w.Body, want)
		}
	}
}

// The connection details name a STUN server for a direct connection only if the operator allows direct connections.
func TestDirectConnectionIsOfferedOnlyIfEnabled(t *testing.T) {
	const query = "/api/connection-details?roomName=blue&participantName=Ada"
	if w := newTestSite(t, site.Options{}).do("GET", query, ""); strings.Contains(w.Body.String(), "direct") {
		t.Errorf("offered by default: %s", w.Body)
	}
	r := newTestSite(t, site.Options{STUN: func(r *http.Request) string { return "stun:" + r.Host }})
	var got struct{ Direct any }
	if err := json.Unmarshal(r.do("GET", query, "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := any(map[string]any{"iceServers": []any{map[string]any{"urls": []any{"stun:meet.test:8080"}}}})
	if diff := cmp.Diff(want, got.Direct); diff != "" {
		t.Error(diff)
	}
}

func TestTokenIsIssuedToPagesOfAnyOrigin(t *testing.T) {
	r := newTestSite(t, site.Options{})
	const ctype, origin = "Content-Type: application/json", "Origin: https://other.example.org"
	w := r.do("POST", "/token", `{"roomName":"blue","participantName":"Ada"}`, ctype, origin)
	var raw string
	if err := json.Unmarshal(w.Body.Bytes(), &raw); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if g, err := token.NewVerifier(token.Keys{key: secret}).Verify(raw); err != nil || g.Identity != "Ada" || g.Video.Room != "blue" {
		t.Errorf("token: %+v, %v", g, err)
	}
	if w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Error("another site's page may not read the answer")
	}
	pre := r.do("OPTIONS", "/token", "", origin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
	if pre.Code != http.StatusNoContent || !strings.EqualFold(pre.Header().Get("Access-Control-Allow-Headers"), "content-type") {
		t.Errorf("preflight: %d %v", pre.Code, pre.Header())
	}
	for body, want := range map[string]string{
		"":   "the body must be JSON with roomName and participantName as strings",
		"{":  "the body must be JSON with roomName and participantName as strings",
		"[]": "the body must be JSON with roomName and participantName as strings",
		`{"roomName":"b","participantName":"A"} x`: "the body must be JSON with roomName and participantName as strings",
		`{"roomName":1,"participantName":"A"}`:     "the body must be JSON with roomName and participantName as strings",
		"null":                                     "roomName is missing",
		`{"participantName":"A"}`:                  "roomName is missing",
		`{"roomName":"b"}`:                         "participantName is missing",
		`{"roomName":"b","participantName":null}`:  "participantName is missing",
	} {
		w := r.do("POST", "/token", body, ctype)
		var got string
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusBadRequest || got != want {
			t.Errorf("%s: %d %s, want 400 and %q as JSON", body, w.Code, w.Body, want)
		}
	}
	large := `{"roomName":"` + strings.Repeat("x", 70_000) + `"}`
	if w := r.do("POST", "/token", large, ctype); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("70 kB: %d", w.Code)
	}
	unsized := httptest.NewRequest("POST", "/token", io.MultiReader(strings.NewReader(strings.Repeat("x", 70_000))))
	w = httptest.NewRecorder()
	if r.echo.ServeHTTP(w, unsized); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("70 kB without Content-Length: %d", w.Code)
	}
}

func TestTokenRequestsOverTheRateAreRefused(t *testing.T) {
	r := newTestSite(t, site.Options{})
	var last *httptest.ResponseRecorder
	for range 700 {
		if last = r.do("GET", "/api/connection-details?roomName=b&participantName=A", ""); last.Code != http.StatusOK {
			break
		}
	}
	if last.Code != http.StatusTooManyRequests || last.Header().Get("Retry-After") != "1" || !strings.Contains(last.Body.String(), "wait a moment") {
		t.Errorf("after 700 token requests: %d %q", last.Code, last.Body)
	}
	if w := r.do("GET", "/", ""); w.Code != http.StatusOK {
		t.Errorf("the lobby is refused as well: %d", w.Code)
	}
}

func TestConnectionTestAnswersWithARoomAndTheServersURL(t *testing.T) {
	r := newTestSite(t, site.Options{BasePath: "/meet"})
	for path, url := range map[string]string{"/api/connection-test": "ws://meet.test:8080/meet", "/api/connection-test?host=h": "/meet/"} {
		w := r.do("POST", path, "")
		var got lobby.ConnectionTest
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || got.ServerURL != url || !lobby.IsTestRoom(got.RoomName) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be cached", path)
		}
	}
	var last *httptest.ResponseRecorder
	for range 700 {
		if last = r.do("POST", "/api/connection-test", ""); last.Code != http.StatusOK {
			break
		}
	}
	if last.Code != http.StatusTooManyRequests || !strings.HasPrefix(last.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("after 700 requests: %d %q", last.Code, last.Body)
	}
}

func TestLookUpsOfRoomsOverTheRateAreRefused(t *testing.T) {
	r := newTestSite(t, site.Options{})
	paths := []string{"/rooms/a", "/join?code=a", "/api/rooms", "/api/meetings", "/direct/a", "/new", "/"}
	refused := map[string]*httptest.ResponseRecorder{}
	for i := range 3000 {
		path := paths[i%len(paths)]
		if w := r.do("GET", path, ""); w.Code == http.StatusTooManyRequests {
			refused[path] = w
		} else if i < 1200 && w.Code >= http.StatusBadRequest {
			t.Fatalf("%s, request %d: %d %s", path, i, w.Code, w.Body)
		}
	}
	for _, path := range paths {
		if w := refused[path]; w == nil || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "too many requests from this address") {
			t.Errorf("%s: %v", path, w)
		}
	}
	if w := r.do("GET", "/api/connection-details?roomName=b&participantName=A", ""); w.Code != http.StatusOK {
		t.Errorf("tokens are refused as well: %d", w.Code)
	}
}

// assetPath returns the path of a file of the build with this ending.
func assetPath(t *testing.T, ending string) string {
	t.Helper()
	for _, f := range embeddedLibrary(t).Current().Files {
		if strings.HasSuffix(f.Path, ending) && f.Size > 1000 { // smaller files may have no compressed form
			return f.Path
		}
	}
	t.Fatalf("the build has no %s", ending)
	return ""
}

func TestStaticFilesSupportCachingCompressionAndRanges(t *testing.T) {
	r := newTestSite(t, site.Options{})
	for ending, ctype := range map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".woff2": "font/woff2"} {
		path := "/static/" + assetPath(t, ending)
		plain := r.do("GET", path, "")
		if plain.Code != http.StatusOK || plain.Header().Get("Content-Type") != ctype || !strings.Contains(plain.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", path, plain.Code, plain.Header())
		}
		if w := r.do("GET", path, "", "If-None-Match: "+plain.Header().Get("ETag")); w.Code != http.StatusNotModified {
			t.Errorf("%s asked again: %d", path, w.Code)
		}
		if w := r.do("GET", path, "", "Range: bytes=100-199"); w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), plain.Body.Bytes()[100:200]) {
			t.Errorf("%s, a part of it: %d, %d bytes", path, w.Code, w.Body.Len())
		}
		if ending == ".woff2" {
			continue // compressed already
		}
		for header, want := range map[string]string{
			"br, gzip": "br", "gzip, deflate, br;q=0.5": "br", "gzip": "gzip", "gzip;q=0, br": "br", "br;q=0, gzip": "gzip", "*": "br", "*;q=0": "",
			"br;q=0, gzip;q=0": "", "identity": "", "GZIP": "gzip", "br;q=0, *": "gzip",
		} {
			w := r.do("GET", path, "", "Accept-Encoding: "+header)
			if got := w.Header().Get("Content-Encoding"); got != want || (want != "") == (w.Header().Get("ETag") == plain.Header().Get("ETag")) {
				t.Errorf("%s for %q: %q with tag %s, want %q", path, header, got, w.Header().Get("ETag"), want)
				continue
			}
			text, err := io.ReadAll(decoder(t, want, w.Body))
			if err != nil || !bytes.Equal(text, plain.Body.Bytes()) {
				t.Errorf("%s for %q: decompressed differs, %v", path, header, err)
			}
			part := r.do("GET", path, "", "Accept-Encoding: "+header, "Range: bytes=0-9", "If-Range: "+w.Header().Get("ETag"))
			if part.Code != http.StatusPartialContent || part.Body.Len() != 10 {
				t.Errorf("%s for %q, a part of it: %d, %d bytes", path, header, part.Code, part.Body.Len())
			}
		}
	}
}

// decoder returns a reader that decompresses a content coding.
func decoder(t *testing.T, coding string, r io.Reader) io.Reader {
	t.Helper()
	switch coding {
	case "br":
		return brotli.NewReader(r)
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		return z
	default:
		return r
	}
}

func TestPagesAreCompressed(t *testing.T) {
	r := newTestSite(t, site.Options{})
	for _, path := range []string{"/", "/api/meetings"} {
		if w := r.do("GET", path, "", "Accept-Encoding: gzip"); w.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %v", path, w.Header())
		}
	}
}

// linkAttribute matches the attributes of a page that contain an address.
var linkAttribute = regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)

// Every file that a page names exists, has the stated hash, and is below the base path.
func TestPagesNameExistingFilesUnderTheBasePath(t *testing.T) {
	for _, base := range []string{"", "/meet"} {
		r := newTestSite(t, site.Options{BasePath: base})
		r.holdMeeting("RM_1", "blue", false)
		for _, page := range []string{"/", "/rooms/blue", "/custom", "/custom?liveKitUrl=wss://live.example.org", "/nowhere"} {
			body := r.do("GET", page, "", "Accept: text/html").Body.String()
			for _, m := range linkAttribute.FindAllStringSubmatch(body, -1) {
				path, ok := strings.CutPrefix(m[1], base+"/")
				if !ok && m[1] != "" && !strings.HasPrefix(m[1], "#") {
					t.Errorf("%s under %q names %s", page, base, m[1])
				}
				if strings.HasPrefix(path, "static/") {
					if w := r.do("GET", "/"+path, ""); w.Code != http.StatusOK {
						t.Errorf("%s names %s: status %d", page, m[1], w.Code)
					}
				}
			}
			for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)" integrity="sha256-([^"]*)"`).FindAllStringSubmatch(body, -1) {
				sum := sha256.Sum256(r.do("GET", strings.TrimPrefix(m[1], base), "").Body.Bytes())
				if got := base64.StdEncoding.EncodeToString(sum[:]); got != html.UnescapeString(m[2]) {
					t.Errorf("%s: the hash of %s is %s and the page has %s", page, m[1], got, m[2])
				}
			}
			if strings.Contains(body, "integrity=") != strings.Contains(body, "stylesheet") {
				t.Errorf("%s: styles without integrity", page)
			}
		}
		if to := r.do("GET", "/new", "").Header().Get("Location"); !strings.HasPrefix(to, base+"/rooms/") {
			t.Errorf("/new under %q leads to %s", base, to)
		}
		var details struct{ ServerURL string }
		if err := json.Unmarshal(r.do("GET", "/api/connection-details?roomName=b&participantName=A", "").Body.Bytes(), &details); err != nil || details.ServerURL != "ws://meet.test:8080"+base {
			t.Errorf("signalling under %q is at %q, %v", base, details.ServerURL, err)
		}
		if body := r.do("GET", "/api/rooms", "").Body.String(); !strings.Contains(body, `"url":"`+base+`/rooms/blue"`) {
			t.Errorf("rooms under %q: %s", base, body)
		}
	}
}

func TestHTMLShellsLinkTheFilesOfTheirFrontendBuild(t *testing.T) {
	m := embeddedLibrary(t).Current().Manifest
	for _, tc := range []struct{ base, static, want, link string }{
		{"", "", `src="/static/` + m.Entries["room"].Script + `"`, `href="/"`},
		{"/meet", "", `src="/meet/static/` + m.Entries["room"].Script + `"`, `href="/meet/"`},
		{"/meet", "https://static.example.org/x/", `src="https://static.example.org/x/` + m.Entries["room"].Script + `"`, `href="/meet/"`},
	} {
		m.BasePath, m.StaticURL = tc.base, tc.static
		files, err := site.RenderShells(&m)
		if err != nil || len(files) != len(m.Entries) {
			t.Fatalf("%d shells, %v", len(files), err)
		}
		if room := string(files["shells/room.html"]); !strings.Contains(room, tc.want) || !strings.Contains(room, tc.link) {
			t.Errorf("%+v: %s", tc, room)
		}
	}
	m.Entries = maps.Clone(m.Entries)
	m.Entries["attic"] = assets.Entry{}
	if _, err := site.RenderShells(&m); err == nil || !strings.Contains(err.Error(), `the entry "attic" has no shell`) {
		t.Errorf("error %v", err)
	}
}

// Programs get the address from the proxy's headers. Pages use their own address.
func TestServerURLIsReadFromProxyHeaders(t *testing.T) {
	r := newTestSite(t, site.Options{BasePath: "/meet"})
	for _, tt := range []struct{ query, header, want string }{
		{"", "Host: pub.example.org", "ws://pub.example.org/meet"},
		{"", "X-Forwarded-Proto: https", "wss://pub.example.org/meet"},
		{"", "X-Forwarded-Ssl: on", "wss://pub.example.org/meet"},
		{"", "X-Forwarded-Scheme: https", "wss://pub.example.org/meet"},
		{"", "Front-End-Https: on", "wss://pub.example.org/meet"},
		{"", "CloudFront-Forwarded-Proto: https", "wss://pub.example.org/meet"},
		{"", `Forwarded: for=192.0.2.1;proto="https";host="outer.example.org:8443"`, "wss://outer.example.org:8443/meet"},
		{"", "X-Forwarded-Host: outer.example.org", "ws://outer.example.org/meet"},
		{"&host=outer.example.org", "", "/meet/"},
		{"&host=outer.example.org", "X-Forwarded-Proto: http", "/meet/"},
	} {
		req := httptest.NewRequest("GET", "/api/connection-details?roomName=b&participantName=A"+tt.query, nil)
		req.Host, req.RemoteAddr = "pub.example.org", "10.0.0.1:50" // a trusted proxy
		if name, value, ok := strings.Cut(tt.header, ": "); ok {
			req.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		r.echo.ServeHTTP(w, req)
		var got struct{ ServerURL string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.ServerURL != tt.want {
			t.Errorf("%s %s: %q, %v, want %q", tt.query, tt.header, got.ServerURL, err, tt.want)
		}
	}
}

// A page connects to the configured signalling server, not to its own server.
func TestConfiguredServerURLIsSentToPages(t *testing.T) {
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	l, err := lobby.New(t.Context(), s, lobby.Options{APIKey: key, APISecret: secret, ServerURL: func(string) string { return "wss://live.example.org" }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	r := &testSite{lobby: l, echo: echo.New()}
	site.New(l, embeddedLibrary(t), site.Options{}).Routes(r.echo)
	for _, query := range []string{"", "&host=meet.test"} {
		if w := r.do("GET", "/api/connection-details?roomName=b&participantName=A"+query, ""); !strings.Contains(w.Body.String(), `"wss://live.example.org"`) {
			t.Errorf("%q: %s", query, w.Body)
		}
	}
}

// Older Safari allows a page's WebSocket only if the policy names its host.
func TestContentSecurityPolicyNamesThePublicHost(t *testing.T) {
	r := newTestSite(t, site.Options{})
	for _, path := range []string{"/rooms/blue", "/custom?liveKitUrl=wss://live.example.org", "/direct"} {
		csp := r.do("GET", path, "", "X-Forwarded-Host: pub.example.org").Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, " wss://pub.example.org") {
			t.Errorf("%s: %s", path, csp)
		}
	}
}
