package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// issued is a certificate with its key.
type issued struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// issue returns a certificate for a name and 127.0.0.1, which is valid until expiry. by signs it; nil means that it signs
// itself and is an authority.
func issue(t *testing.T, name string, expiry time.Time, by *issued) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: expiry.Add(-90 * 24 * time.Hour), NotAfter: expiry,
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true,
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	template.IsCA = by == nil || name == "intermediate"
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{c, key}
}

// write writes a chain and the key of its first certificate to files.
func write(t *testing.T, certFile, keyFile string, chain ...*issued) {
	t.Helper()
	var text []byte
	for _, c := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(chain[0].key)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{certFile: text, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificateThatBrowsersRefuseIsReportedWithTheReason(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	far := now.Add(60 * 24 * time.Hour)
	root := issue(t, "root", now.Add(85*24*time.Hour), nil)
	intermediate := issue(t, "intermediate", far, root)
	roots := x509.NewCertPool()
	roots.AddCert(root.Certificate)
	for name, c := range map[string]struct {
		host   string
		chain  []*issued
		status Status
		text   string
	}{
		"valid":             {"meet.example.org", []*issued{issue(t, "meet.example.org", far, intermediate), intermediate}, OK, "valid for meet.example.org, 127.0.0.1 until 2026-09-30"},
		"for an address":    {"127.0.0.1", []*issued{issue(t, "meet.example.org", far, root)}, OK, "valid for"},
		"other name":        {"other.example.org", []*issued{issue(t, "meet.example.org", far, root)}, Fail, "and not for other.example.org"},
		"expired":           {"", []*issued{issue(t, "meet.example.org", now.Add(-time.Hour), root)}, Fail, "expired on 2026-08-01"},
		"not valid yet":     {"", []*issued{issue(t, "meet.example.org", now.Add(100*24*time.Hour), root)}, Fail, "not valid before"},
		"expires soon":      {"", []*issued{issue(t, "meet.example.org", now.Add(13*24*time.Hour), root)}, Warn, "expires on 2026-08-14"},
		"incomplete chain":  {"", []*issued{issue(t, "meet.example.org", far, intermediate)}, Warn, `signed by "intermediate"`},
		"signed by itself":  {"", []*issued{issue(t, "meet.example.org", far, nil)}, Warn, "signed by itself"},
		"expired authority": {"", []*issued{issue(t, "meet.example.org", far, issue(t, "root", now.Add(-time.Hour), nil))}, Warn, "does not trust"},
	} {
		t.Run(name, func(t *testing.T) {
			var chain []*x509.Certificate
			for _, c := range c.chain {
				chain = append(chain, c.Certificate)
			}
			wantFinding(t, AssessCertificate(chain, c.host, roots, now), c.status, c.text)
		})
	}
}

func TestCertificateOfEachOriginIsChecked(t *testing.T) {
	now, dir := time.Now(), t.TempDir()
	root := issue(t, "root", now.Add(80*24*time.Hour), nil)
	roots := x509.NewCertPool()
	roots.AddCert(root.Certificate)
	path := func(name string) string { return filepath.Join(dir, name) }
	write(t, path("cert.pem"), path("key.pem"), issue(t, "meet.example.org", now.Add(60*24*time.Hour), root))
	write(t, path("other.pem"), path("other-key.pem"), issue(t, "meet.example.org", now.Add(60*24*time.Hour), root))
	stored := path("acme/certificates/acme.example.org-directory/meet.example.org/meet.example.org")
	write(t, stored+".crt", stored+".key", issue(t, "meet.example.org", now.Add(-time.Hour), root))
	write(t, path("lan.pem"), path("lan-key.pem"), root)
	write(t, path("old-lan.pem"), path("old-lan-key.pem"), issue(t, "old", now.Add(-time.Hour), nil))
	for name, c := range map[string]struct {
		o      Options
		status Status
		text   string
	}{
		"files":             {Options{TLSCert: path("cert.pem"), TLSKey: path("key.pem"), Host: "meet.example.org"}, OK, "cert.pem"},
		"foreign key":       {Options{TLSCert: path("cert.pem"), TLSKey: path("other-key.pem")}, Fail, "does not match"},
		"missing files":     {Options{TLSCert: path("none.pem"), TLSKey: path("none-key.pem")}, Fail, "no such file"},
		"wrong name":        {Options{TLSCert: path("cert.pem"), TLSKey: path("key.pem"), Host: "localhost"}, Fail, "not for localhost"},
		"stored":            {Options{Domain: "meet.example.org", Certificates: path("acme")}, Fail, "expired"},
		"not stored":        {Options{Domain: "new.example.org", Certificates: path("acme")}, Warn, "there is no certificate of new.example.org"},
		"authority":         {Options{LANAuthority: path("lan.pem")}, OK, "is valid until"},
		"no authority":      {Options{LANAuthority: path("none.pem")}, OK, "will create"},
		"expired authority": {Options{LANAuthority: path("old-lan.pem")}, Fail, "expired"},
		"damaged authority": {Options{LANAuthority: path("lan-key.pem")}, Fail, "contains no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Roots = roots
			all := checkCertificate(c.o, now)
			if len(all) != 1 {
				t.Fatalf("%d findings: %+v", len(all), all)
			}
			wantFinding(t, all[0], c.status, c.text)
		})
	}
	if all := checkCertificate(Options{}, now); len(all) > 0 {
		t.Errorf("findings without a certificate: %+v", all)
	}
	if VerifyChain([]*x509.Certificate{root.Certificate}, AuthorityRoots(path("lan.pem")), now) != nil {
		t.Error("AuthorityRoots does not contain the authority")
	}
}
