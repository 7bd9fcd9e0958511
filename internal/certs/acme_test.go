package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"meet/internal/certs"
	"meet/test/pebble"
)

const domain = "meet.example.org"

type acmeSource = certs.ACME

// acmeTest is a site with a certificate from Pebble.
type acmeTest struct {
	*site
	*pebble.Server
	options   certs.ACMEOptions
	listeners certs.Listeners
	log       *logBuffer
}

// newACMETest starts a site and Pebble.
func newACMETest(t *testing.T) *acmeTest {
	t.Helper()
	s := startSite(t)
	p := pebble.Start(t, s.httpPort(), s.tlsPort())
	log := &logBuffer{}
	return &acmeTest{s, p, certs.ACMEOptions{
		Domain: domain, URL: p.Directory(), CAFile: p.CAFile, Dir: filepath.Join(t.TempDir(), "acme"), Log: log.logger(),
		Interval: 100 * time.Millisecond,
	}, certs.Listeners{Host: "127.0.0.1", HTTPPort: s.httpPort(), TLSPort: s.tlsPort()}, log}
}

// open opens the source of the site's certificates, which is closed at the end of the test.
func (a *acmeTest) open(t *testing.T) *certs.ACME {
	t.Helper()
	source, err := certs.NewACME(t.Context(), a.options)
	if err != nil {
		t.Fatal(err)
	}
	a.source.Store(source)
	source.Start(a.listeners)
	t.Cleanup(func() { _ = source.Close() })
	return source
}

// handshake returns the certificate that the site presents, or nil if the handshake fails.
func (a *acmeTest) handshake() *x509.Certificate {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(a.tlsPort()))
	conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: domain, InsecureSkipVerify: true}) //nolint:gosec // Pebble's root is random
	if err != nil {
		return nil
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0]
}

// waitForCertificate waits until the site presents a certificate for the domain that differs from old.
func (a *acmeTest) waitForCertificate(t *testing.T, old *x509.Certificate) (c *x509.Certificate) {
	t.Helper()
	eventually(t, "the site presents a new certificate", func() bool {
		c = a.handshake()
		return c != nil && c.VerifyHostname(domain) == nil && !c.Equal(old)
	})
	return c
}

func TestCertificateIsObtainedByEitherChallenge(t *testing.T) {
	for name, disable := range map[string]func(*certs.Listeners){
		"HTTP-01":     func(l *certs.Listeners) { l.TLSPort = 0 },
		"TLS-ALPN-01": func(l *certs.Listeners) { l.HTTPPort = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			a := newACMETest(t)
			disable(&a.listeners)
			a.open(t)
			a.waitForCertificate(t, nil)
		})
	}
}

func TestHandshakesAreRefusedUntilThereIsACertificate(t *testing.T) {
	a := newACMETest(t)
	a.Down.Store(true)
	source := a.open(t)
	if _, err := source.GetCertificate(&tls.ClientHelloInfo{ServerName: domain}); !errors.Is(err, certs.ErrNoCertificate) {
		t.Errorf("error %v, want ErrNoCertificate", err)
	}
	a.Down.Store(false)
	a.waitForCertificate(t, nil)
}

func TestStoredCertificateIsUsedAfterARestartWhileTheACMEServerIsDown(t *testing.T) {
	a := newACMETest(t)
	source := a.open(t)
	first := a.waitForCertificate(t, nil)
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	a.Down.Store(true)
	second := a.open(t)
	if leaf := second.Leaf(); leaf == nil || !leaf.Equal(first) {
		t.Error("the certificate after the restart is not the stored one")
	}
}

func TestAccountAndKeysAreStoredForThisUserOnly(t *testing.T) {
	a := newACMETest(t)
	a.open(t)
	a.waitForCertificate(t, nil)
	files := 0
	err := filepath.WalkDir(a.options.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a temporary file
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if strings.HasSuffix(path, ".key") {
			files++
		}
		return err
	})
	if err != nil || files < 2 {
		t.Errorf("%d keys (%v), want those of the account and the certificate", files, err)
	}
	if key, text := "PRIVATE KEY", a.log.String(); strings.Contains(text, key) {
		t.Errorf("the log contains a key:\n%s", text)
	}
}

// Pebble's renewal information for a revoked certificate says that it must be replaced at once (RFC 9773, section 4.2).
func TestRevokedCertificateIsReplaced(t *testing.T) {
	a := newACMETest(t)
	a.open(t)
	first := a.waitForCertificate(t, nil)
	a.revoke(t)
	second := a.waitForCertificate(t, first)
	if err := second.VerifyHostname(domain); err != nil {
		t.Error(err)
	}
}

// revoke revokes the stored certificate with the stored account, as an operator does with another ACME client.
func (a *acmeTest) revoke(t *testing.T) {
	t.Helper()
	var config *certmagic.Config
	cache := certmagic.NewCache(certmagic.CacheOptions{GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return config, nil }})
	defer cache.Stop()
	copied := t.TempDir() // because revoking deletes the key
	if err := os.CopyFS(copied, os.DirFS(a.options.Dir)); err != nil {
		t.Fatal(err)
	}
	config = certmagic.New(cache, certmagic.Config{Storage: &certmagic.FileStorage{Path: copied}, OCSP: certmagic.OCSPConfig{DisableStapling: true}})
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	config.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(config, certmagic.ACMEIssuer{CA: a.Directory(), TrustedRoots: roots, Agreed: true})}
	if err := config.RevokeCert(t.Context(), domain, 4, false); err != nil { // superseded (RFC 5280, section 5.3.1)
		t.Fatal(err)
	}
}

func TestOldCertificateIsKeptWhileRenewalFails(t *testing.T) {
	for name, tt := range map[string]struct {
		fail   func(*acmeTest)
		reason string
	}{
		"server down":  {func(a *acmeTest) { a.Down.Store(true) }, "the ACME server cannot be reached"},
		"rate limit":   {func(a *acmeTest) { a.Limited.Store(true) }, "the ACME server limits the rate of requests"},
		"not resolved": {func(a *acmeTest) { a.Unknown.Store(true); a.listeners.TLSPort = 0 }, "the ACME server cannot reach this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newACMETest(t)
			source := a.open(t)
			first := a.waitForCertificate(t, nil)
			if err := source.Close(); err != nil {
				t.Fatal(err)
			}
			a.revoke(t)
			a.expireRenewalInfo(t)
			tt.fail(a)
			a.open(t)
			eventually(t, "the failure is logged", func() bool { return a.log.count("cannot renew the certificate") > 0 })
			if text := a.log.String(); !strings.Contains(text, tt.reason) || !strings.Contains(text, "retry_in=100ms") {
				t.Errorf("the log contains no %q:\n%s", tt.reason, text)
			}
			if c := a.handshake(); c == nil || !c.Equal(first) {
				t.Error("the site does not present the old certificate")
			}
		})
	}
}

// expireRenewalInfo changes the stored renewal information so that the certificate must be renewed at once.
func (a *acmeTest) expireRenewalInfo(t *testing.T) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(a.options.Dir, "certificates", "*", domain, "*.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("metadata %q (%v)", found, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	i := strings.Index(text, `"_selectedTime": "`)
	if i < 0 {
		t.Fatalf("no selected time in %s", text)
	}
	i += len(`"_selectedTime": "`)
	write(t, found[0], []byte(text[:i]+"2020"+text[i+4:]))
}

func TestRefusedDomainIsLoggedWithTheReason(t *testing.T) {
	a := newACMETest(t)
	a.options.Domain = pebble.BlockedDomain
	a.open(t)
	eventually(t, "the refusal is logged", func() bool {
		return a.log.count("the ACME server issues no certificates for this domain") > 0
	})
}

func TestRateLimitIsLoggedWithTheReasonOfTheFailuresBefore(t *testing.T) {
	a := newACMETest(t)
	a.options.Domain = pebble.BlockedDomain
	a.open(t)
	const reason = "issues no certificates for this domain"
	eventually(t, "the refusal is logged", func() bool { return a.log.count(reason) > 0 })
	a.Limited.Store(true)
	eventually(t, "the rate limit is logged with the reason", func() bool {
		for line := range strings.Lines(a.log.String()) {
			if strings.Contains(line, "limits the rate of requests") && strings.Contains(line, `reason_before="the ACME server `+reason) {
				return true
			}
		}
		return false
	})
}

func TestUntrustedACMEServerIsLoggedWithTheReason(t *testing.T) {
	a := newACMETest(t)
	a.options.CAFile = ""
	a.open(t)
	eventually(t, "the failure is logged", func() bool { return a.log.count("set acme_ca to its authority") > 0 })
}

func TestACMEStartFailsWithASentence(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	write(t, empty, nil)
	for name, tt := range map[string]struct {
		options certs.ACMEOptions
		want    string
	}{
		"missing CA":       {certs.ACMEOptions{Dir: dir, CAFile: filepath.Join(dir, "none")}, "set acme_ca to a file that this user can read"},
		"empty CA":         {certs.ACMEOptions{Dir: dir, CAFile: empty}, "contains no certificate in PEM format"},
		"folder a file":    {certs.ACMEOptions{Dir: filepath.Join(empty, "acme")}, "give this user write permission"},
		"read-only folder": {certs.ACMEOptions{Dir: "/proc"}, "is not writable: give this user write permission"}, // for root, too
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(tt.options.Dir); tt.options.Dir == "/proc" && err != nil {
				t.Skip("only Linux has this folder")
			}
			tt.options.Domain = domain
			if _, err := certs.NewACME(t.Context(), tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
