package app_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"meet/test/harness"
)

// slowClientPatience is how long tests wait for the server to close a connection. The server should take 10 to 30 s.
const slowClientPatience = 2 * time.Minute

// dialTLS opens a TLS connection that negotiates a protocol.
func dialTLS(t *testing.T, address string, trust *tls.Config, protocol string) net.Conn {
	t.Helper()
	config := trust.Clone()
	config.NextProtos = []string{protocol}
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != protocol {
		t.Fatalf("negotiated %q", got)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// dialPlain opens a TCP connection.
func dialPlain(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// startHTTP2 sends what begins an HTTP/2 connection (RFC 9113, section 3.4) and returns a framer for the rest.
func startHTTP2(t *testing.T, conn net.Conn, settings ...http2.Setting) *http2.Framer {
	t.Helper()
	f := http2.NewFramer(conn, conn)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSettings(settings...); err != nil {
		t.Fatal(err)
	}
	return f
}

// headerBlock returns the encoded header of a GET request, and further fields.
func headerBlock(t *testing.T, path string, fields ...hpack.HeaderField) []byte {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range append([]hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "localhost"}, {Name: ":path", Value: path}}, fields...) {
		if err := encoder.WriteField(field); err != nil {
			t.Fatal(err)
		}
	}
	return block.Bytes()
}

// trickle sends one byte of text every 500 ms, again and again, until sending fails.
func trickle(conn net.Conn, text string) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		if _, err := conn.Write([]byte{text[i%len(text)]}); err != nil {
			return
		}
		<-tick.C
	}
}

// wantClosed checks that the server closes a connection before slowClientPatience.
func wantClosed(t *testing.T, what string, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(slowClientPatience))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s: the connection is still open", what)
	}
	_ = conn.Close()
}

func TestConnectionWithSlowHeadersIsClosed(t *testing.T) {
	t.Parallel() // mostly waits
	cfg := harness.Settings(t)
	trust := useTLS(t, &cfg)
	cfg.HTTPListen = freeAddress(t)
	s := start(t, cfg)
	h2Silent, h2Block := dialTLS(t, s.Address, trust, "h2"), dialTLS(t, s.Address, trust, "h2")
	startHTTP2(t, h2Silent)
	if err := startHTTP2(t, h2Block).WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlock(t, "/")}); err != nil { // without END_HEADERS
		t.Fatal(err)
	}
	const begin, endless = "GET / HTTP/1.1\r\nHost: localhost\r\n", "X-A: b\r\n"
	var tests sync.WaitGroup
	for what, tc := range map[string]struct {
		conn           net.Conn
		first, trickle string
	}{
		"plain":                            {dialPlain(t, s.Address), begin, endless},
		"plain, first bytes":               {dialPlain(t, s.Address), "", "\x00\x01\x02"},
		"TLS":                              {dialTLS(t, s.Address, trust, "http/1.1"), begin, endless},
		"TLS without handshake":            {dialPlain(t, s.Address), "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "x"},
		"port 80":                          {dialPlain(t, cfg.HTTPListen), begin, endless},
		"HTTP/2, no preface":               {dialTLS(t, s.Address, trust, "h2"), "", http2.ClientPreface[:20]},
		"HTTP/2, no request":               {h2Silent, "", ""},
		"HTTP/2, part of a header":         {h2Block, "", ""},
		"nothing on a connection with TLS": {dialTLS(t, s.Address, trust, "http/1.1"), "", ""},
	} {
		if _, err := io.WriteString(tc.conn, tc.first); err != nil {
			t.Fatal(err)
		}
		if tc.trickle != "" {
			tests.Go(func() { trickle(tc.conn, tc.trickle) }) // ends when the connection is closed
		}
		tests.Go(func() { wantClosed(t, what, tc.conn) })
	}
	tests.Wait()
}

func TestRequestWithOversizedHeadersIsRefused(t *testing.T) {
	const size = 2 << 20
	cfg := harness.Settings(t)
	trust := useTLS(t, &cfg)
	cfg.HTTPListen = freeAddress(t)
	s := start(t, cfg)
	text := "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("a", size)
	for what, conn := range map[string]net.Conn{
		"plain": dialPlain(t, s.Address), "TLS": dialTLS(t, s.Address, trust, "http/1.1"), "port 80": dialPlain(t, cfg.HTTPListen),
	} {
		_, _ = io.WriteString(conn, text) // without the end of the header; the server may close the connection meanwhile
		_ = conn.SetReadDeadline(time.Now().Add(slowClientPatience))
		answer, err := io.ReadAll(conn)
		if errors.Is(err, os.ErrDeadlineExceeded) || len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 431 ") {
			t.Errorf("%s: %q, %v", what, answer, err)
		}
	}
	transport := &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	for _, n := range []int{800 << 10, size} {
		req, err := http.NewRequest(http.MethodGet, "https://"+s.Address+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-A", strings.Repeat("a", n))
		resp, err := transport.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if accepted := err == nil && resp.StatusCode == http.StatusOK; accepted != (n < size) {
			t.Errorf("HTTP/2 with %d bytes: %v, %v", n, resp, err)
		}
	}
}

func TestNumberOfHTTP2StreamsIsLimited(t *testing.T) {
	cfg := harness.Settings(t)
	trust := useTLS(t, &cfg)
	s := start(t, cfg)
	f := startHTTP2(t, dialTLS(t, s.Address, trust, "h2"))
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		settings, ok := frame.(*http2.SettingsFrame)
		if !ok || settings.IsAck() {
			continue
		}
		if n, ok := settings.Value(http2.SettingMaxConcurrentStreams); !ok || n != 100 {
			t.Errorf("%d streams, %v", n, ok)
		}
		if n, ok := settings.Value(http2.SettingMaxHeaderListSize); !ok || n > 2<<20 {
			t.Errorf("%d bytes of headers, %v", n, ok)
		}
		return
	}
}

// The server sends a comment every 15 s. Each write has a deadline, which must not end the stream afterwards.
func TestEventStreamOverHTTP2StaysOpen(t *testing.T) {
	t.Parallel() // mostly waits
	cfg := harness.Settings(t)
	trust := useTLS(t, &cfg)
	s := start(t, cfg)
	transport := &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: slowClientPatience}).Get("https://" + s.Address + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if lines.Text() == ":" {
			return
		}
	}
	t.Errorf("%s: the stream ends with %v", resp.Proto, lines.Err())
}
