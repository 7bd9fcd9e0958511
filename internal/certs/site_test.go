package certs_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// site is a web server with the listeners that a domain needs. Its certificates and challenges come from source.
type site struct {
	http, tls *httptest.Server
	source    atomic.Pointer[acmeSource]
}

// startSite starts a site.
func startSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := http.NotFoundHandler()
		if source := s.source.Load(); source != nil {
			next = source.HTTPHandler(next)
		}
		next.ServeHTTP(w, r)
	}))
	s.tls = httptest.NewUnstartedServer(http.NotFoundHandler())
	s.tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.tls.Listener = tls.NewListener(s.tls.Listener, &tls.Config{
		NextProtos: []string{"h2", "http/1.1", "acme-tls/1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.source.Load().GetCertificate(hello)
		},
	})
	s.tls.Start()
	t.Cleanup(s.http.Close)
	t.Cleanup(s.tls.Close)
	return s
}

func (s *site) httpPort() int { return s.http.Listener.Addr().(*net.TCPAddr).Port }
func (s *site) tlsPort() int  { return s.tls.Listener.Addr().(*net.TCPAddr).Port }
