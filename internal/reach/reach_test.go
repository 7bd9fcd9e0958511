package reach

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"meet/internal/doctor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// healthy answers health checks as Meet does.
var healthy = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/meet/healthz" {
		_, _ = w.Write([]byte("ok\n"))
		return
	}
	http.NotFound(w, r)
})

// wantLast fails the test unless the last finding has the check, status and text, no finding before it is a failure, and
// exactly those that are not OK have advice.
func wantLast(t *testing.T, all []doctor.Finding, check string, status doctor.Status, text string) {
	t.Helper()
	for i, f := range all {
		if i < len(all)-1 && f.Status == doctor.Fail || (f.Status == doctor.OK) != (f.Advice == "") {
			t.Errorf("%+v", f)
		}
	}
	if f := all[len(all)-1]; f.Check != check || f.Status != status || !strings.Contains(f.Text, text) {
		t.Errorf("%+v, want %s %s with %q", f, status, check, text)
	}
}

func TestFirstHopThatFailsIsReported(t *testing.T) {
	plain := httptest.NewServer(healthy)
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(healthy) // its certificate is for example.com, 127.0.0.1 and ::1
	t.Cleanup(secure.Close)
	other := httptest.NewServer(http.RedirectHandler("https://example.org", http.StatusFound))
	t.Cleanup(other.Close)
	closed := httptest.NewServer(healthy)
	closed.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	port := func(s *httptest.Server) string {
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		return u.Port()
	}
	for name, c := range map[string]struct {
		url, check string
		status     doctor.Status
		text       string
	}{
		"not a URL":    {"meet.example.org", "URL", doctor.Fail, "is not a URL"},
		"unknown name": {"http://nowhere.invalid/", "name lookup", doctor.Fail, "nowhere.invalid does not resolve"},
		"closed port":  {closed.URL, "TCP connect", doctor.Fail, "connection refused"},
		"no TLS":       {"https://127.0.0.1:" + port(plain), "TLS handshake", doctor.Fail, "does not complete the TLS handshake"},
		"wrong name":   {"https://localhost:" + port(secure), "TLS handshake", doctor.Fail, "and not for localhost"},
		"other server": {other.URL, "HTTP response", doctor.Fail, "status 302"},
		"wrong path":   {plain.URL, "HTTP response", doctor.Fail, "status 404"},
		"no UDP":       {plain.URL + "/meet/", "UDP response", doctor.Warn, "does not respond"},
		"HTTPS":        {secure.URL + "/meet", "UDP response", doctor.Warn, "does not respond"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantLast(t, Check(t.Context(), Options{URL: c.url, Roots: roots}), c.check, c.status, c.text)
		})
	}
}

func TestUntrustedCertificateIsReportedAndTheOtherHopsAreChecked(t *testing.T) {
	secure := httptest.NewTLSServer(healthy)
	defer secure.Close()
	var seen []string
	tokens := func(string) (string, error) { t.Error("a token is made"); return "", nil }
	for _, f := range Check(t.Context(), Options{URL: secure.URL + "/meet", Roots: x509.NewCertPool(), Token: tokens}) {
		seen = append(seen, f.Check+" "+string(f.Status))
	}
	if got, want := strings.Join(seen, ", "), "TCP connect ok, TLS handshake warn, HTTP response ok, signalling warn, UDP response warn"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestServerThatRefusesTheKeyIsReported(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/meet/rtc") {
			http.Error(w, "unknown API key", http.StatusUnauthorized)
			return
		}
		healthy(w, r)
	}))
	defer refusing.Close()
	o := Options{URL: refusing.URL + "/meet", Token: func(string) (string, error) { return "token", nil }}
	wantLast(t, Check(t.Context(), o), "signalling", doctor.Warn, "refuses the API key")
}

func TestCanceledCheckEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and sends nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nothing is queued
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantLast(t, Check(ctx, Options{URL: "http://" + l.Addr().String()}), "TCP connect", doctor.Fail, "cannot be reached")
}
