package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"meet/internal/token"
	"meet/test/harness"
)

// identityThroughProxy requests a token as a proxy on this machine does for a client, and returns the identity in the
// token.
func (s *server) identityThroughProxy(header, client string) string {
	s.T.Helper()
	req, err := http.NewRequest(http.MethodPost, s.URL()+"/token", strings.NewReader(`{"roomName":"blue","participantName":"Ada"}`))
	if err != nil {
		s.T.Fatal(err)
	}
	req.Header.Set(header, client)
	resp, err := s.HTTP.Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var raw string
	if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil {
		s.T.Fatal(err)
	}
	grants, _, err := token.Read(raw)
	if err != nil {
		s.T.Fatal(err)
	}
	return grants.Identity
}

// Both requests come over loopback and state different client addresses. The server issues an identity to one address
// only, so the second identity differs from the first if the server used the stated addresses.
func TestForwardedClientAddressIsUsedFromTrustedProxiesOnly(t *testing.T) {
	elsewhere := netip.MustParsePrefix("192.0.2.0/24")
	for name, tt := range map[string]struct {
		trusted  []netip.Prefix
		believed bool
	}{
		"unset":           {nil, true},
		"this machine":    {[]netip.Prefix{elsewhere, netip.MustParsePrefix("127.0.0.0/8")}, true},
		"another machine": {[]netip.Prefix{elsewhere}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := harness.Settings(t)
			cfg.TrustedProxies = tt.trusted
			s := start(t, cfg)
			first := s.identityThroughProxy("X-Forwarded-For", "198.51.100.1")
			second := s.identityThroughProxy("Forwarded", "for=198.51.100.2")
			if first != "Ada" || (second != "Ada") != tt.believed {
				t.Errorf("identities %q and %q", first, second)
			}
		})
	}
}

// syncBuffer is a log that a test reads while the server writes it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// The response to a failed WebSocket is not visible to pages, so the operator needs the error in the log.
func TestRefusedWebSocketsAreLogged(t *testing.T) {
	log := &syncBuffer{}
	s := &server{harness.StartLogging(t, harness.Settings(t), slog.NewTextHandler(log, nil))}
	for _, tt := range []struct {
		host, origin, forwarded string
		want                    int
	}{
		{"meet.example.org:443", "https://meet.example.org", "", http.StatusSwitchingProtocols},
		{"10.0.0.5:8080", "https://meet.example.org", "meet.example.org", http.StatusSwitchingProtocols},
		{"10.0.0.5:8080", "https://meet.example.org", "", http.StatusForbidden},
		{"meet.example.org", "https://evil.example", "", http.StatusForbidden},
	} {
		header := http.Header{"Host": {tt.host}, "Origin": {tt.origin}}
		if tt.forwarded != "" {
			header.Set("X-Forwarded-Host", tt.forwarded)
		}
		ws, resp, err := websocket.DefaultDialer.Dial(s.SocketURL()+"/direct/ws", header)
		if resp == nil || resp.StatusCode != tt.want {
			t.Errorf("%+v: %v, %v", tt, resp, err)
		}
		if err == nil {
			_ = ws.Close()
		}
		if line := "origin=" + tt.origin + " host=" + tt.host; tt.want == http.StatusForbidden && !strings.Contains(log.String(), line) {
			t.Errorf("the log lacks %q:\n%s", line, log.String())
		}
	}
	for _, path := range []string{"/rtc", "/rtc/v1", "/direct/ws", "/agent"} {
		req, err := http.NewRequest(http.MethodGet, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "upgrade.example" + strings.ReplaceAll(path, "/", ".")
		req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==") // nginx passes this header on, but not Upgrade and Connection
		resp, err := s.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUpgradeRequired || resp.Header.Get("Upgrade") != "websocket" || !strings.Contains(string(text), "Upgrade and Connection") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, text)
		}
		if line := "Upgrade and Connection\" host=" + req.Host; !strings.Contains(log.String(), line) {
			t.Errorf("the log lacks %q:\n%s", line, log.String())
		}
	}
}
