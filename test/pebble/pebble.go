package pebble

import (
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

// BlockedDomain is a domain for which the server issues no certificates.
const BlockedDomain = "blocked.example"

// Server is an ACME server. All domains resolve to this machine.
type Server struct {
	*httptest.Server
	CAFile  string      // file of the certificate with which the server's own is verified
	Down    atomic.Bool // whether all requests fail
	Limited atomic.Bool // whether orders are refused by a rate limit
	Unknown atomic.Bool // whether domains have no address
}

// Directory returns the URL of the server's directory.
func (p *Server) Directory() string { return p.URL + wfe.DirectoryPath }

// Start starts a server that validates challenges at two ports of this machine, until the test ends.
func Start(t *testing.T, httpPort, tlsPort int) *Server {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	t.Setenv("PEBBLE_AUTHZREUSE", "0") // validate each time
	p := &Server{}
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	if err := store.AddBlockedDomain(BlockedDomain); err != nil {
		t.Fatal(err)
	}
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default", ValidityPeriod: 90 * 24 * 3600}})
	validation := va.New(quiet, httpPort, tlsPort, true, p.startDNS(t), store)
	frontend := wfe.New(quiet, store, validation, authority, []string{"pebble.example"}, false, false, 0, 0)
	p.Server = httptest.NewTLSServer(p.handler(frontend.Handler()))
	t.Cleanup(p.Close)
	p.CAFile = filepath.Join(t.TempDir(), "acme-ca.pem")
	if err := os.WriteFile(p.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// handler makes requests fail as the test demands, and lets clients repeat requests for renewal information at once.
func (p *Server) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case p.Down.Load():
			panic(http.ErrAbortHandler) // closes the connection
		case p.Limited.Load() && r.URL.Path == "/order-plz":
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
func (p *Server) startDNS(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		reply := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA && !p.Unknown.Load() {
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
