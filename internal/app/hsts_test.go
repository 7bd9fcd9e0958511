package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"meet/internal/certs"
	"meet/internal/config"
	"meet/test/testcert"
)

// issue returns a certificate signed by parent, or by itself if parent is nil.
func issue(t *testing.T, parent *tls.Certificate, isCA bool) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"meet.example.org"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: isCA, BasicConstraintsValid: true,
	}
	signer := &tls.Certificate{Leaf: template, PrivateKey: key}
	if parent != nil {
		signer = parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.Leaf, &key.PublicKey, signer.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestCertificateIsTrustedIfItsChainLeadsToARoot(t *testing.T) {
	root := issue(t, nil, true)
	middle := issue(t, root, true)
	leaf := issue(t, middle, false)
	roots := x509.NewCertPool()
	roots.AddCert(root.Leaf)
	chain := &tls.Certificate{Certificate: [][]byte{leaf.Certificate[0], middle.Certificate[0]}, Leaf: leaf.Leaf}
	other := issue(t, issue(t, nil, true), false)
	now := time.Now()
	for name, tc := range map[string]struct {
		certificate *tls.Certificate
		at          time.Time
		want        bool
	}{
		"chain":                          {chain, now, true},
		"expired":                        {chain, now.Add(2 * time.Hour), false},
		"without intermediate":           {leaf, now, false},
		"self-signed":                    {issue(t, nil, false), now, false},
		"chain of another root":          {&tls.Certificate{Certificate: [][]byte{other.Certificate[0], root.Certificate[0]}, Leaf: other.Leaf}, now, false},
		"intermediate that is malformed": {&tls.Certificate{Certificate: [][]byte{leaf.Certificate[0], []byte("x")}, Leaf: leaf.Leaf}, now, false},
	} {
		if got := isTrusted(tc.certificate, roots, tc.at); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestHSTSIsSentOnlyWithAPubliclyTrustedCertificate(t *testing.T) {
	for name, tc := range map[string]struct {
		config config.Config
		want   bool
	}{
		"Let's Encrypt":           {config.Config{Domain: "meet.example.org"}, true},
		"another ACME server":     {config.Config{Domain: "meet.example.org", ACMEURL: "https://acme.example.org"}, false},
		"ACME server with own CA": {config.Config{Domain: "meet.example.org", ACMECA: "ca.pem"}, false},
		"local authority":         {config.Config{LAN: true}, false},
	} {
		if got := (&App{config: tc.config}).wantsHSTS(); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	certFile, keyFile := testcert.New(t, "meet.example.org")
	for _, trusted := range []bool{false, true} {
		a := newLinksApp(t, config.Config{Listen: "127.0.0.1:0", TLSCert: certFile, TLSKey: keyFile})
		a.trust.roots = x509.NewCertPool()
		if trusted {
			a.trust.roots.AddCert(a.certificates.(*certs.Files).Leaf())
		}
		if got := a.wantsHSTS(); got != trusted {
			t.Errorf("certificate from files, trusted %v: %v", trusted, got)
		}
	}
}

func TestTrustIsCheckedAgainForAnotherCertificate(t *testing.T) {
	root := issue(t, nil, true)
	cache := trustCache{roots: x509.NewCertPool()}
	cache.roots.AddCert(root.Leaf)
	trusted, untrusted := issue(t, root, false), issue(t, nil, false)
	for i, c := range []*tls.Certificate{untrusted, untrusted, trusted, trusted, untrusted} {
		if got := cache.isTrusted(c); got != (c == trusted) {
			t.Errorf("certificate %d: %v", i, got)
		}
	}
}
