package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

// requestVia sends a request as a proxy on this machine does for a client, and returns the response and its body.
func (s *server) requestVia(client, method, path, bearer string, body io.Reader) (*http.Response, string) {
	s.T.Helper()
	req, err := http.NewRequest(method, s.URL()+path, body)
	if err != nil {
		s.T.Fatal(err)
	}
	if client != "" {
		req.Header.Set("X-Forwarded-For", client)
	}
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
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

// devToken returns a token of a back end for the room "blue".
func devToken(t *testing.T) string {
	t.Helper()
	raw, err := token.New(config.DevKey.Name, config.DevKey.Secret).SetIdentity("ada").
		SetVideoGrant(token.VideoGrant{RoomJoin: true, RoomList: true, RoomCreate: true, RoomAdmin: true, Room: "blue"}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// wantRetry checks that a response is 429 with the time after which the client may try again.
func wantRetry(t *testing.T, resp *http.Response, body, sentence string) {
	t.Helper()
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if resp.StatusCode != http.StatusTooManyRequests || err != nil || seconds < 1 || seconds > 60 || !strings.Contains(body, sentence) {
		t.Errorf("%s: %s, retry after %q: %s", resp.Request.URL.Path, resp.Status, resp.Header.Get("Retry-After"), body)
	}
}

func TestJoinsOfOneAddressAreLimited(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	raw := devToken(t)
	paths := []string{"/rtc/validate", "/rtc/v1/validate", "/rtc"}
	var refused *http.Response
	var text string
	for i := range 5000 {
		client := fmt.Sprintf("2001:db8:0:%x::%x", i%256, i) // a client with an IPv6 network changes its address
		if refused, text = s.requestVia(client, "GET", paths[i%3], raw, nil); refused.StatusCode == http.StatusTooManyRequests {
			if i < 2000 {
				t.Errorf("the burst ends after %d joins", i)
			}
			break
		}
	}
	wantRetry(t, refused, text, "too many requests from this address")
	if refused.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("pages of other sites cannot read the reason")
	}
	for i := range 100 { // the bucket refills during the test
		_, response, err := websocket.DefaultDialer.Dial(s.SocketURL()+"/rtc", http.Header{"Authorization": {"Bearer " + raw}, "X-Forwarded-For": {"2001:db8::1"}})
		if err != nil {
			wantRetry(t, response, "", "")
			break
		}
		if i == 99 {
			t.Error("WebSockets are not limited")
		}
	}
	if resp, text := s.requestVia("192.0.2.1", "GET", "/rtc/validate", raw, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("another client: %s %s", resp.Status, text)
	}
}

func TestClientWithManyRefusedTokensIsRefused(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	const client = "192.0.2.1"
	paths := map[string]string{"/rtc/validate": "GET", "/rtc": "GET", "/twirp/livekit.RoomService/ListRooms": "POST"}
	for range 2000 {
		if resp, _ := s.requestVia(client, "POST", "/twirp/livekit.RoomService/ListRooms", "guess", nil); resp.StatusCode == http.StatusTooManyRequests {
			break
		}
	}
	for range 2000 {
		if resp, _ := s.requestVia("192.0.2.3", "POST", "/api/backup", "guess", nil); resp.StatusCode == http.StatusTooManyRequests {
			break
		}
	}
	for _, guesser := range []string{client, "192.0.2.3"} {
		resp, text := s.requestVia(guesser, "POST", "/api/backup", "guess", nil)
		wantRetry(t, resp, text, "too many requests from this address")
	}
	for path, method := range paths {
		resp, text := s.requestVia(client, method, path, "guess", nil)
		wantRetry(t, resp, text, "too many requests from this address")
		if resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: pages of other sites cannot read the reason", path)
		}
		if strings.HasPrefix(path, "/twirp") && !strings.Contains(text, `"code":"resource_exhausted"`) {
			t.Errorf("%s: %s", path, text)
		}
		if resp, text := s.requestVia("192.0.2.2", method, path, devToken(t), nil); resp.StatusCode == http.StatusTooManyRequests {
			t.Errorf("%s: another client is refused: %s", path, text)
		}
	}
	for _, path := range []string{"/metrics", "/agent"} {
		resp, text := s.requestVia(client, "GET", path, "guess", nil)
		wantRetry(t, resp, text, "too many requests from this address")
	}
	if resp, _ := s.requestVia(client, "GET", "/api/rooms", "", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("requests without a token: %s", resp.Status)
	}
}

// Guessing the metrics token is a failed authentication, although its answer is 404.
func TestGuessesOfTheMetricsTokenAreLimited(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.MetricsToken = "the-metrics-token-of-this-test"
	s := start(t, cfg)
	guesses := 0
	for ; guesses < 2000; guesses++ {
		if resp, _ := s.requestVia("192.0.2.1", "GET", "/metrics", fmt.Sprint("guess", guesses), nil); resp.StatusCode == http.StatusTooManyRequests {
			break
		}
	}
	if guesses < 100 || guesses == 2000 {
		t.Errorf("%d guesses", guesses)
	}
	resp, text := s.requestVia("192.0.2.1", "GET", "/metrics", cfg.MetricsToken, nil)
	wantRetry(t, resp, text, "")
	if resp, _ := s.requestVia("192.0.2.2", "GET", "/metrics", cfg.MetricsToken, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("another client: %s", resp.Status)
	}
}

// Only trusted proxies choose the address to which the limits apply.
func TestForgedClientAddressesShareTheLimitOfTheirSender(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // not this machine
	s := start(t, cfg)
	for i := range 2000 {
		resp, text := s.requestVia(fmt.Sprintf("198.51.100.%d", i%256), "GET", "/rtc/validate", "guess", nil)
		if resp.StatusCode == http.StatusTooManyRequests {
			wantRetry(t, resp, text, "")
			return
		}
	}
	t.Error("a client escapes its limit by naming other addresses")
}
