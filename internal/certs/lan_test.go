package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"meet/internal/certs"
)

// openLAN opens a source, which is closed at the end of the test.
func openLAN(t *testing.T, o certs.LANOptions) *certs.LAN {
	t.Helper()
	source, err := certs.NewLAN(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	return source
}

// verify verifies the source's certificate for a name or address as a device does that trusts the root.
func verify(t *testing.T, s *certs.LAN, host string) error {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.Root().PEM()) {
		t.Fatal("the PEM of the root contains no certificate")
	}
	_, err := s.Leaf().Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: time.Now()})
	return err
}

// addresses returns a function that returns these addresses.
func addresses(texts ...string) func() ([]netip.Addr, error) {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return func() ([]netip.Addr, error) { return all, nil }
}

func TestLANCertificateIsValidForAllNamesAndAddresses(t *testing.T) {
	s := openLAN(t, certs.LANOptions{
		Dir: t.TempDir(), Hostname: "Kitchen.home.arpa", Addresses: addresses("192.0.2.7", "2001:db8::7"), Extra: []netip.Addr{netip.MustParseAddr("198.51.100.1")},
	})
	for _, host := range []string{"kitchen.local", "kitchen.home.arpa", "kitchen", "localhost", "127.0.0.1", "::1", "192.0.2.7", "2001:db8::7", "198.51.100.1"} {
		if err := verify(t, s, host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{"example.org", "192.0.2.8"} {
		if verify(t, s, host) == nil {
			t.Errorf("%s is valid", host)
		}
	}
	if lifetime := s.Leaf().NotAfter.Sub(s.Leaf().NotBefore); lifetime > 397*24*time.Hour {
		t.Errorf("lifetime %v, want at most 397 days", lifetime)
	}
}

func TestHostNameThatIsNoDNSNameIsLeftOut(t *testing.T) {
	s := openLAN(t, certs.LANOptions{Dir: t.TempDir(), Hostname: "my_laptop!", Addresses: addresses()})
	if names := s.Names(); len(names) != 1 || names[0] != "localhost" {
		t.Errorf("names %q", names)
	}
}

func TestLANCertificateServesHTTPSOnThisMachinesAddresses(t *testing.T) {
	s := openLAN(t, certs.LANOptions{Dir: t.TempDir()})
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Listener = tls.NewListener(server.Listener, &tls.Config{GetCertificate: s.GetCertificate})
	server.Start()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Root().Certificate)
	conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	found, err := certs.InterfaceAddresses()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range found {
		if err := verify(t, s, address.String()); err != nil {
			t.Error(err)
		}
	}
}

func TestRootIsKeptAfterARestart(t *testing.T) {
	dir := t.TempDir()
	first := openLAN(t, certs.LANOptions{Dir: dir})
	second := openLAN(t, certs.LANOptions{Dir: dir, Hostname: "renamed"})
	if first.Root().Fingerprint() != second.Root().Fingerprint() {
		t.Error("the restart created another root")
	}
	if !regexp.MustCompile(`^([0-9A-F]{2}:){31}[0-9A-F]{2}$`).MatchString(first.Root().Fingerprint()) {
		t.Errorf("fingerprint %q", first.Root().Fingerprint())
	}
	info, err := os.Stat(filepath.Join(dir, "lan-authority.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
}

func TestDamagedAuthorityIsRefusedAndKept(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lan-authority.pem")
	if err := openLAN(t, certs.LANOptions{Dir: dir}).Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	leaf := valid(t, "leaf.example")
	for name, data := range map[string][]byte{
		"empty":              nil,
		"cut off":            whole[:len(whole)/2],
		"not an authority":   append(leaf.cert, leaf.key...),
		"key of another one": append(append([]byte{}, leaf.key...), whole[:strings.Index(string(whole), "-----BEGIN PRIVATE")]...),
	} {
		t.Run(name, func(t *testing.T) {
			write(t, file, data)
			_, err := certs.NewLAN(certs.LANOptions{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "restore the file from a backup, or delete it") {
				t.Errorf("error %v", err)
			}
			if strings.Contains(err.Error(), "PRIVATE") {
				t.Error("the error contains the key")
			}
			if after, err := os.ReadFile(file); err != nil || string(after) != string(data) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
}

// Time is the fake clock of synctest.
func TestExpiredAuthorityIsRefused(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		if err := openLAN(t, certs.LANOptions{Dir: dir, Addresses: addresses()}).Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * 365 * 24 * time.Hour) // nothing runs in this time
		_, err := certs.NewLAN(certs.LANOptions{Dir: dir, Addresses: addresses()})
		if err == nil || !strings.Contains(err.Error(), "expired on") {
			t.Errorf("error %v", err)
		}
	})
}

func TestCertificateIsReissuedWhenAddressesChange(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var current atomic.Pointer[func() ([]netip.Addr, error)]
		set := func(f func() ([]netip.Addr, error)) { current.Store(&f) }
		set(addresses("192.0.2.7"))
		s := openLAN(t, certs.LANOptions{Dir: dir, Addresses: func() ([]netip.Addr, error) { return (*current.Load())() }})
		first := s.Leaf()
		time.Sleep(time.Minute)
		synctest.Wait()
		if !s.Leaf().Equal(first) {
			t.Error("the certificate was reissued without a change")
		}
		set(addresses("198.51.100.7"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := verify(t, s, "198.51.100.7"); err != nil {
			t.Error(err)
		}
		set(func() ([]netip.Addr, error) { return nil, net.ErrClosed })
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := verify(t, s, "198.51.100.7"); err != nil {
			t.Errorf("after a failure to list the addresses: %v", err)
		}
	})
}

func TestLANCertificateIsRenewedBeforeItExpires(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := openLAN(t, certs.LANOptions{Dir: dir, Addresses: addresses("192.0.2.7")})
		first := s.Leaf()
		time.Sleep(time.Until(first.NotAfter) - 29*24*time.Hour)
		synctest.Wait()
		if s.Leaf().Equal(first) {
			t.Error("the certificate was not renewed 29 days before its expiry")
		}
		if err := verify(t, s, "192.0.2.7"); err != nil {
			t.Error(err)
		}
	})
}
