package attack

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// startTLS runs the program with a new certificate, of which it returns the file.
func startTLS(t *testing.T) (s *server, certificate string) {
	t.Helper()
	certificate, key := (&secrets{known: map[string]string{}}).writeCertificate(t)
	return start(t, "--tls-cert", certificate, "--tls-key", key), certificate
}

// dialHTTP2 opens an HTTP/2 connection on which the server may send nothing but headers.
func (s *server) dialHTTP2() *http2.Framer {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // the test's own server
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		s.t.Fatal(err)
	}
	f := http2.NewFramer(conn, conn)
	if err := f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		s.t.Fatal(err)
	}
	return f
}

// Each response of a compressed page needs a compressor of about 1 MB while it is written.
func TestUnreadCompressedPagesTakeBoundedMemory(t *testing.T) {
	const connections, streams = 12, 100
	s, _ := startTLS(t)
	s.checkMemoryGrowth(128<<20, func() {
		answered := 0
		for range connections {
			f := s.dialHTTP2()
			for i := range streams {
				var block bytes.Buffer
				encoder := hpack.NewEncoder(&block)
				for _, field := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: s.address}, {Name: ":path", Value: "/"}, {Name: "accept-encoding", Value: "gzip"}} {
					if err := encoder.WriteField(field); err != nil {
						t.Fatal(err)
					}
				}
				if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}); err != nil {
					t.Fatal(err)
				}
			}
			for n := 0; n < streams; { // the window is 0, so handlers wait after their headers
				frame, err := f.ReadFrame()
				if err != nil {
					t.Fatal(err)
				}
				switch frame.(type) {
				case *http2.HeadersFrame:
					n++
					answered++
				case *http2.RSTStreamFrame:
					n++
				}
			}
		}
		if answered < connections*streams/2 {
			t.Errorf("only %d of %d requests were answered", answered, connections*streams)
		}
	})
}

func TestHSTSIsSentOnlyIfTheSystemTrustsTheCertificate(t *testing.T) {
	get := func(s *server) string {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the test's own server
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get("https://" + s.address)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.Header.Get("Strict-Transport-Security")
	}
	s, certificate := startTLS(t)
	if got := get(s); got != "" {
		t.Errorf("untrusted: %s", got)
	}
	key := certificate[:len(certificate)-len("cert.pem")] + "key.pem"
	t.Setenv("SSL_CERT_FILE", certificate) // the program's roots of the system
	if got := get(start(t, "--tls-cert", certificate, "--tls-key", key)); got != "max-age=31536000" {
		t.Errorf("trusted: %q", got)
	}
}
