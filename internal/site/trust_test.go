package site_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"meet/internal/site"
)

// trustOptions returns the options of a site with an authority.
func trustOptions(t *testing.T) site.Options {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Meet on R&D.local"}, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return site.Options{
		Authority: &site.Authority{
			Name: template.Subject.CommonName, DER: der, PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), Fingerprint: "AB:CD:EF",
		},
		HTTPSOrigin: func(r *http.Request) string { return "https://" + r.Host },
	}
}

var trustPaths = []string{"/trust", "/trust/check", "/trust/meet-ca.mobileconfig", "/trust/meet-ca.crt", "/trust/meet-ca.pem"}

func TestServerWithoutAuthorityHasNoTrustPage(t *testing.T) {
	r := newTestSite(t, site.Options{})
	for _, path := range trustPaths {
		if w := r.do("GET", path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
}

func TestTrustPageShowsTheVisitorsSystemFirst(t *testing.T) {
	r := newTestSite(t, trustOptions(t))
	for userAgent, want := range map[string]string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15": "ios",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36":                 "android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15":        "macos",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36":                "windows",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":      "linux",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36":                 "linux",
		"curl/8.1": "",
	} {
		page := r.do("GET", "/trust", "", "User-Agent: "+userAgent).Body.String()
		if first := strings.Contains(page, `id="on-`+want+`"`); first != (want != "") {
			t.Errorf("%s: the section of %q is shown: %v", userAgent, want, first)
		}
		sections := 5
		if want != "" {
			sections = 4
		}
		if n := strings.Count(page, "<details"); n != sections {
			t.Errorf("%s: %d other systems, want %d", userAgent, n, sections)
		}
	}
}

func TestTrustPageMayConnectToThisServerOverHTTPS(t *testing.T) {
	r := newTestSite(t, trustOptions(t))
	w := r.do("GET", "/trust", "")
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, " https://meet.test:8080;") {
		t.Errorf("policy %s", csp)
	}
	for _, want := range []string{"AB:CD:EF", "Meet on R&amp;D.local", `data-check="https://meet.test:8080/trust/check"`, `href="https://meet.test:8080/"`, `data-state="unknown"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page does not contain %q", want)
		}
	}
	if page := r.do("GET", "/trust", "", "X-Forwarded-Proto: https").Body.String(); !strings.Contains(page, `data-state="secure"`) {
		t.Error("over https the page does not say that it is secure")
	}
	if csp := r.do("GET", "/", "").Header().Get("Content-Security-Policy"); strings.Contains(csp, "https://") {
		t.Errorf("another page has the policy %s", csp)
	}
}

func TestTrustCheckIsReadableForPagesOverHTTP(t *testing.T) {
	w := newTestSite(t, trustOptions(t)).do("GET", "/trust/check", "", "Origin: http://meet.test:8080")
	if w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, headers %v", w.Code, w.Header())
	}
}

func TestAuthorityIsServedInTheFormatOfEachSystem(t *testing.T) {
	o := trustOptions(t)
	r := newTestSite(t, o)
	for path, tt := range map[string]struct {
		contentType string
		content     []byte
	}{
		"/trust/meet-ca.crt": {"application/x-x509-ca-cert", o.Authority.DER},
		"/trust/meet-ca.pem": {"application/x-pem-file", o.Authority.PEM},
	} {
		w := r.do("GET", path, "")
		if got := w.Header().Get("Content-Type"); got != tt.contentType || w.Body.String() != string(tt.content) {
			t.Errorf("%s: %s, %d bytes", path, got, w.Body.Len())
		}
	}
}

// The profile is a property list. Its strings and data are the elements' texts in order.
func TestProfileInstallsTheAuthorityAsRoot(t *testing.T) {
	o := trustOptions(t)
	r := newTestSite(t, o)
	w := r.do("GET", "/trust/meet-ca.mobileconfig", "")
	if got := w.Header().Get("Content-Type"); got != "application/x-apple-aspen-config" {
		t.Errorf("content type %s", got)
	}
	profile := w.Body.String()
	values := map[string]string{} // of the last dictionary that has the key
	decoder := xml.NewDecoder(strings.NewReader(profile))
	for key, text := "", ""; ; {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.CharData:
			text = string(token)
		case xml.EndElement:
			switch token.Name.Local {
			case "key":
				key = text
			case "data", "string":
				values[token.Name.Local+" "+key] = text
			}
		}
	}
	if der, err := base64.StdEncoding.DecodeString(values["data PayloadContent"]); err != nil || string(der) != string(o.Authority.DER) {
		t.Errorf("the profile contains another certificate (%v)", err)
	}
	if values["string PayloadDisplayName"] != o.Authority.Name || values["string PayloadType"] != "Configuration" || !strings.Contains(profile, "com.apple.security.root") {
		t.Errorf("values %v", values)
	}
	if again := r.do("GET", "/trust/meet-ca.mobileconfig", "").Body.String(); again != profile {
		t.Error("the identifiers change with each download")
	}
}

func TestPageOnLocalhostNamesAnOriginForInvitations(t *testing.T) {
	r := newTestSite(t, site.Options{InviteOrigin: func(r *http.Request) string {
		if r.Host == "meet.test:8080" {
			return "https://192.0.2.7:8080"
		}
		return ""
	}})
	for _, path := range []string{"/rooms/blue", "/direct", "/direct/abcd"} {
		if page := r.do("GET", path, "").Body.String(); !strings.Contains(page, `data-invite-origin="https://192.0.2.7:8080"`) {
			t.Errorf("%s contains no origin for invitations", path)
		}
	}
	plain := newTestSite(t, site.Options{})
	if page := plain.do("GET", "/rooms/blue", "").Body.String(); strings.Contains(page, "data-invite-origin") {
		t.Error("a page without such an origin contains one")
	}
}
