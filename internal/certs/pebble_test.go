package certs_test

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// pebble is an ACME server of Let's Encrypt's project, in this process. It validates challenges at the ports of site.
type pebble struct {
	*httptest.Server
	caFile   string      // file of the certificate with which the server's own is verified
	down     atomic.Bool // whether all requests fail
	limited  atomic.Bool // whether orders are refused by a rate limit
	resolves atomic.Bool // whether domains have an address
}

// URL returns the URL of the server's directory.
func (p *pebble) URL() string { return p.Server.URL + wfe.DirectoryPath }

// startPebble starts an ACME server that validates challenges at the ports of s.
func startPebble(t *testing.T, s *site) *pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	t.Setenv("PEBBLE_AUTHZREUSE", "0") // validate each time
	p := &pebble{}
	p.resolves.Store(true)
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	if err := store.AddBlockedDomain("blocked.example"); err != nil {
		t.Fatal(err)
	}
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default", ValidityPeriod: 90 * 24 * 3600}})
	validation := va.New(quiet, s.httpPort(), s.tlsPort(), true, p.startDNS(t), store)
	frontend := wfe.New(quiet, store, validation, authority, []string{"pebble.example"}, false, false, 0, 0)
	p.Server = httptest.NewTLSServer(p.handler(frontend.Handler()))
	t.Cleanup(p.Close)
	p.caFile = filepath.Join(t.TempDir(), "acme-ca.pem")
	if err := os.WriteFile(p.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// handler makes requests fail as the test demands, and lets clients repeat requests for renewal information at once.
func (p *pebble) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case p.down.Load():
			panic(http.ErrAbortHandler) // closes the connection
		case p.limited.Load() && r.URL.Path == "/order-plz":
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Replay-Nonce", "bm9uY2U")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates","status":429}`)
		case strings.Contains(r.URL.Path, "/renewalInfo/"):
			serveRenewalInfo(w, r, next)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// serveRenewalInfo serves Pebble's renewal information with a short Retry-After. It begins windows earlier, because acmez
// refuses windows as short as those of Pebble for revoked certificates: one second.
func serveRenewalInfo(w http.ResponseWriter, r *http.Request, next http.Handler) {
	recorder := httptest.NewRecorder()
	next.ServeHTTP(recorder, r)
	var info struct {
		SuggestedWindow struct {
			Start time.Time `json:"start"`
			End   time.Time `json:"end"`
		} `json:"suggestedWindow"`
	}
	if err := json.NewDecoder(recorder.Body).Decode(&info); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	info.SuggestedWindow.Start = info.SuggestedWindow.Start.Add(-time.Minute)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", "1")
	_ = json.NewEncoder(w).Encode(info)
}

// startDNS starts a DNS server that resolves all names to this machine, and returns its address.
func (p *pebble) startDNS(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		reply := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA && p.resolves.Load() {
			header := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}
			reply.Answer = []dns.RR{&dns.A{Hdr: header, A: net.IPv4(127, 0, 0, 1)}}
		}
		_ = w.WriteMsg(reply)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.ActivateAndServe() }() // ends at Shutdown
	t.Cleanup(func() {
		_ = server.Shutdown()
		<-ended
	})
	return listener.Addr().String()
}

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
