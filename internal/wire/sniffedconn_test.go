package wire

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"meet/test/testcert"
)

// testTLS returns the server's configuration with a new certificate for localhost, and the client's.
func testTLS(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	certFile, keyFile := testcert.New(t, "localhost")
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	server = &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1", "stun.turn", "acme-tls/1"}}
	return server, &tls.Config{RootCAs: testcert.Roots(t, certFile), ServerName: "localhost"}
}

// dialTLS makes a TLS connection to s with the given ALPN protocols.
func dialTLS(t *testing.T, s *ProtocolMux, client *tls.Config, alpn ...string) *tls.Conn {
	t.Helper()
	config := client.Clone()
	config.NextProtos = alpn
	c := tls.Client(dial(t, s), config)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

// describe is an HTTP handler that responds with the protocol version, the client's address, and whether TLS is used.
func describe(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintf(w, "%s %s %v", r.Proto, r.RemoteAddr, r.TLS != nil)
}

func TestHTTPOverTLSUsesTheNegotiatedVersion(t *testing.T) {
	server, client := testTLS(t)
	s := newTestMux(t, ProtocolMuxOptions{TLS: server})
	serveHTTP(t, s, describe)
	for want, transport := range map[string]*http.Transport{
		"HTTP/2.0": {TLSClientConfig: client.Clone(), ForceAttemptHTTP2: true},
		"HTTP/1.1": {TLSClientConfig: client.Clone()},
	} {
		resp, err := (&http.Client{Transport: transport}).Get("https://" + s.HTTPListener().Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
		if !strings.HasPrefix(string(text), want+" 127.0.0.1:") || !strings.HasSuffix(string(text), " true") {
			t.Errorf("%s: got %s", want, text)
		}
	}
}

func TestHTTPOverTLSWithoutALPNIsDetectedByItsFirstBytes(t *testing.T) {
	server, client := testTLS(t)
	s := newTestMux(t, ProtocolMuxOptions{TLS: server})
	serveHTTP(t, s, describe)
	c := dialTLS(t, s, client)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(text), " true") {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestTURNAndICEShareThePortWithHTTPSOverTLS(t *testing.T) {
	server, client := testTLS(t)
	s := newTestMux(t, ProtocolMuxOptions{TLS: server})
	serveHTTP(t, s, describe)
	allocate := append([]byte{0x00, 0x03, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42}, "transaction "...)
	for _, alpn := range [][]string{nil, {"stun.turn"}} {
		c := dialTLS(t, s, client, alpn...)
		if _, err := c.Write(allocate); err != nil {
			t.Fatal(err)
		}
		turn, err := s.TURNListener().Accept()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(allocate))
		if _, err := io.ReadFull(turn, got); err != nil || !bytes.Equal(got, allocate) {
			t.Errorf("TURN with ALPN %v: got %x, %v", alpn, got, err)
		}
		_ = turn.Close()
	}

	conn, err := s.TCPMux().GetConnByUfrag("ours", false, net.IPv4(127, 0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	c := dialTLS(t, s, client)
	if _, err := c.Write(binding("ours:theirs")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1500)
	n, from, err := conn.ReadFrom(b)
	if err != nil || !bytes.Equal(b[:n], binding("ours:theirs")[2:]) {
		t.Fatalf("ICE: got %x, %v", b[:n], err)
	}
	if _, err := conn.WriteTo([]byte("answer"), from); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b[:8]); err != nil || !bytes.Equal(b[:8], frame("answer")) {
		t.Errorf("ICE: got %x, %v", b[:8], err)
	}
}

func TestUselessTLSConnectionIsClosed(t *testing.T) {
	server, client := testTLS(t)
	s := newTestMux(t, ProtocolMuxOptions{TLS: server, SniffTimeout: shortTimeout})
	for name, c := range map[string]net.Conn{
		"ACME challenge":   dialTLS(t, s, client, "acme-tls/1"),
		"no bytes":         dialTLS(t, s, client),
		"silent handshake": dial(t, s),
		"TLS within TLS":   dialTLS(t, s, client),
		"bad handshake":    dial(t, s),
	} {
		switch name {
		case "silent handshake", "TLS within TLS":
			_, _ = c.Write([]byte{tlsHandshake})
		case "bad handshake":
			_, _ = c.Write([]byte{tlsHandshake, 3, 1, 0, 4, 'j', 'u', 'n', 'k'})
			_, _ = c.Read(make([]byte, 7)) // the alert
		}
		if n, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: still open: %d bytes, %v", name, n, err)
		}
	}
}

func TestUnreadHTTPSResponseFailsAndIsNoLongerCounted(t *testing.T) {
	server, client := testTLS(t)
	s := newTestMux(t, ProtocolMuxOptions{TLS: server, WriteTimeout: shortTimeout, HTTP: ConnLimits{Total: 1, PerAddress: 1}})
	written := make(chan error, 1)
	serveHTTP(t, s, func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 64<<20))
		written <- err
	})
	c := dialTLS(t, s, client)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err == nil {
		t.Error("a response that nobody reads was written")
	}
	deadline := time.After(10 * time.Second)
	for tick := time.Tick(5 * time.Millisecond); !s.http.counter.acquire(netip.MustParseAddr("192.0.2.1")); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatal("the closed connection is still counted")
		}
	}
}

// A trusted proxy sends the header of the PROXY protocol, also in front of TLS.
func TestProxyHeaderOfTrustedProxyGivesTheClientsAddress(t *testing.T) {
	server, client := testTLS(t)
	s := newTestMux(t, ProtocolMuxOptions{TLS: server, IsProxy: netip.Addr.IsLoopback})
	serveHTTP(t, s, describe)
	from, to := &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 4711}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}
	six, toSix := &net.TCPAddr{IP: net.ParseIP("2001:db8::7"), Port: 4711}, &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 443}
	local := proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
	for name, tc := range map[string]struct {
		header *proxyproto.Header
		tls    bool
		want   string
	}{
		"version 1":         {proxyproto.HeaderProxyFromAddrs(1, from, to), false, "198.51.100.7:4711"},
		"version 2":         {proxyproto.HeaderProxyFromAddrs(2, from, to), false, "198.51.100.7:4711"},
		"version 2 and TLS": {proxyproto.HeaderProxyFromAddrs(2, from, to), true, "198.51.100.7:4711"},
		"IPv6":              {proxyproto.HeaderProxyFromAddrs(2, six, toSix), false, "[2001:db8::7]:4711"},
		"health check":      {&local, false, "127.0.0.1:"},
		"no header":         {nil, false, "127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s)
			if tc.header != nil {
				if _, err := tc.header.WriteTo(c); err != nil {
					t.Fatal(err)
				}
			}
			if tc.tls {
				c = tls.Client(c, client)
			}
			if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(c); err != nil || !strings.Contains(string(text), "HTTP/1.1 "+tc.want) {
				t.Errorf("got %s, %v, want client %s", text, err, tc.want)
			}
		})
	}
}

func TestHTTPConnectionFromProxyKeepsTheMethodsOfTCP(t *testing.T) {
	s := newTestMux(t, ProtocolMuxOptions{IsProxy: netip.Addr.IsLoopback})
	client := dial(t, s)
	if _, err := io.WriteString(client, "PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\nGET / HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	accepted, err := s.HTTPListener().Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = accepted.Close() })
	if got := accepted.RemoteAddr().String(); got != "198.51.100.7:4711" {
		t.Errorf("the client is %s", got)
	}
	c, ok := accepted.(*httpConn)
	if !ok {
		t.Fatalf("the connection is a %T", accepted)
	}
	if _, err := c.ReadFrom(strings.NewReader("response")); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(client); err != nil || string(text) != "response" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestProxyHeaderIsRefusedFromOthersAndIfMalformed(t *testing.T) {
	for name, tc := range map[string]struct {
		trusted bool
		header  string
	}{
		"version 1 of a stranger": {false, "PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n"},
		"version 2 of a stranger": {false, string(proxyproto.SIGV2) + "\x21\x11\x00\x0c" + strings.Repeat("\x01", 12)},
		"malformed version 1":     {true, "PROXY TCP4 198.51.100.7 nonsense\r\n"},
		"malformed version 2":     {true, string(proxyproto.SIGV2) + "\x31\x11\x00\x0c" + strings.Repeat("\x01", 12)},
		"too long":                {true, string(proxyproto.SIGV2) + "\x21\x11\xff\xff" + strings.Repeat("\x01", 20_000)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestMux(t, ProtocolMuxOptions{IsProxy: func(netip.Addr) bool { return tc.trusted }})
			serveHTTP(t, s, describe)
			c := dial(t, s)
			_, _ = io.WriteString(c, tc.header+"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") // the server may close early
			if text, _ := io.ReadAll(c); strings.Contains(string(text), "HTTP/1.1 200") || strings.Contains(string(text), "198.51.100.7") {
				t.Errorf("got %s", text)
			}
		})
	}
}

// bytesConn is a connection from a loopback address that returns some bytes and then ends.
type bytesConn struct {
	net.Conn
	*bytes.Reader
}

func (c bytesConn) Read(b []byte) (int, error)       { return c.Reader.Read(b) }
func (c bytesConn) Write(b []byte) (int, error)      { return len(b), nil }
func (c bytesConn) Close() error                     { return nil }
func (c bytesConn) SetDeadline(time.Time) error      { return nil }
func (c bytesConn) SetReadDeadline(time.Time) error  { return nil }
func (c bytesConn) SetWriteDeadline(time.Time) error { return nil }
func (c bytesConn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// FuzzDetectProtocol checks that the first bytes of a connection never make detect panic or lose bytes.
func FuzzDetectProtocol(f *testing.F) {
	server, _ := testTLS(f)
	f.Add([]byte("PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\nGET / HTTP/1.1\r\n"))
	f.Add(append(bytes.Clone(proxyproto.SIGV2), "\x21\x11\x00\x0c\x01\x01\x01\x01\x02\x02\x02\x02\x00\x01\x00\x02GET /"...))
	f.Add([]byte{tlsHandshake, 3, 1, 0, 4, 1, 0, 0, 0})
	f.Add(binding("a:b"))
	f.Fuzz(func(t *testing.T, first []byte) {
		s := &ProtocolMux{options: ProtocolMuxOptions{TLS: server, IsProxy: netip.Addr.IsLoopback}}
		c := s.detect(bytesConn{Reader: bytes.NewReader(first)})
		if c.protocol == undecided {
			t.Fatal("undecided")
		}
		if c.protocol != protocolHTTP || c.decrypted != nil {
			return
		}
		if rest, err := io.ReadAll(bufio.NewReader(c.stream())); err != nil || !bytes.HasSuffix(first, rest) || len(rest) == 0 {
			t.Fatalf("%d of %d bytes remain, %v", len(rest), len(first), err)
		}
	})
}
