package app_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"meet/internal/app"
	"meet/internal/config"
	"meet/test/harness"
	"meet/test/testcert"
)

// useTLS gives the server a certificate for localhost and 127.0.0.1, and returns a client configuration that trusts it.
func useTLS(t *testing.T, cfg *config.Config) *tls.Config {
	t.Helper()
	cfg.TLSCert, cfg.TLSKey = testcert.New(t, "localhost", "meet.example.org", "127.0.0.1")
	return &tls.Config{RootCAs: testcert.Roots(t, cfg.TLSCert)}
}

// freeAddress returns a loopback address with a free TCP port.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nothing was accepted
	return l.Addr().String()
}

// request sends GET for path to the TCP address, with the given Host header and further header lines, and returns the
// response.
func request(t *testing.T, address, host, path, headers string) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, host, headers); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestPlainHTTPIsRedirectedToHTTPS(t *testing.T) {
	cfg := harness.Settings(t)
	useTLS(t, &cfg)
	cfg.HTTPListen = freeAddress(t)
	s := start(t, cfg)
	_, port, _ := net.SplitHostPort(s.Address)
	for name, tc := range map[string]struct{ address, host, path, headers, want string }{
		"same port":                    {s.Address, "meet.example.org:" + port, "/room/a%2Fb?x=1", "", "https://meet.example.org:" + port + "/room/a%2Fb?x=1"},
		"IPv6":                         {s.Address, "[2001:db8::1]:9000", "/", "", "https://[2001:db8::1]:9000/"},
		"port for plain HTTP":          {cfg.HTTPListen, "meet.example.org", "/", "", "https://meet.example.org:" + port + "/"},
		"this machine":                 {s.Address, "localhost:" + port, "/", "", ""},
		"file of the front end":        {s.Address, "meet.example.org", "/static/flist.txt", "", ""},
		"health check":                 {s.Address, "meet.example.org", "/healthz", "", ""},
		"a proxy that terminates TLS":  {s.Address, "meet.example.org", "/", "X-Forwarded-Proto: https\r\n", ""},
		"a path that begins with //":   {s.Address, "meet.example.org", "//evil.example", "", "https://meet.example.org//evil.example"},
		"default port without a port":  {s.Address, "meet.example.org:443", "/", "", "https://meet.example.org/"},
		"trust page prefix, but other": {s.Address, "meet.example.org", "/trusted", "", "https://meet.example.org/trusted"},
	} {
		resp := request(t, tc.address, tc.host, tc.path, tc.headers)
		if got := resp.Header.Get("Location"); got != tc.want || tc.want != "" && resp.StatusCode != http.StatusPermanentRedirect {
			t.Errorf("%s: %d to %q, want %q", name, resp.StatusCode, got, tc.want)
		}
		if tc.want == "" && resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if resp := request(t, s.Address, "evil.example/\x7f", "/", ""); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("malformed host: %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
}

// A server that listens on one address of the machine has no localhost for the commands of this machine.
func TestOnlyProgramsOnThisMachineCallAPIsByPlainHTTP(t *testing.T) {
	cfg := harness.Settings(t)
	useTLS(t, &cfg)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	call := func(client, method, headers string) int {
		t.Helper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}
		transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
		req, err := http.NewRequest(method, s.URL()+"/twirp/livekit.RoomService/ListRooms", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "192.0.2.7:8080"
		req.Header.Set("Authorization", "Bearer "+devToken(t))
		req.Header.Set("Content-Type", "application/json")
		if name, value, ok := strings.Cut(headers, ": "); ok {
			req.Header.Set(name, value)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for name, tc := range map[string]struct {
		client, method, headers string
		want                    int
	}{
		"program":         {"127.0.0.1", "POST", "", http.StatusOK},
		"browser":         {"127.0.0.1", "GET", "", http.StatusPermanentRedirect},
		"behind a proxy":  {"127.0.0.1", "POST", "X-Forwarded-For: 198.51.100.1", http.StatusPermanentRedirect},
		"another machine": {"127.0.0.2", "POST", "", http.StatusPermanentRedirect},
	} {
		if tc.client == "127.0.0.2" && runtime.GOOS != "linux" { // others have no such address
			continue
		}
		if got := call(tc.client, tc.method, tc.headers); got != tc.want {
			t.Errorf("%s: status %d, want %d", name, got, tc.want)
		}
	}
}

func TestHTTPSServesPagesAndSignalling(t *testing.T) {
	cfg := harness.Settings(t)
	trust := useTLS(t, &cfg)
	s := start(t, cfg)
	transport := &http.Transport{TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("https://" + s.Address)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		t.Errorf("got %s with %s", resp.Status, resp.Proto)
	}
	if got := resp.Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("the certificate of a private authority is pinned for %s", got)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "wss://"+s.Address) {
		t.Errorf("policy %s", csp)
	}
	dialer := websocket.Dialer{TLSClientConfig: trust, HandshakeTimeout: 20 * time.Second}
	_, answer, err := dialer.Dial("wss://"+s.Address+"/rtc?access_token=none", nil)
	if err == nil || answer == nil || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("signalling: %v, %v", answer, err)
	}
}

func TestServerThatNeverRunsClosesThePortForPlainHTTP(t *testing.T) {
	cfg := harness.Settings(t)
	useTLS(t, &cfg)
	cfg.HTTPListen = freeAddress(t)
	a, err := app.New(t.Context(), cfg, noLog)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := net.Listen("tcp", cfg.HTTPListen); err == nil {
		_ = l.Close()
		t.Error("the port is not open")
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	l, err := net.Listen("tcp", cfg.HTTPListen)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

func TestServerStartsEvenIfThePortForPlainHTTPIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	cfg := harness.Settings(t)
	useTLS(t, &cfg)
	cfg.HTTPListen = taken.Addr().String()
	s := start(t, cfg)
	if resp := request(t, s.Address, "localhost", "/healthz", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("got %s", resp.Status)
	}
}
