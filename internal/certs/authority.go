package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// AuthorityFile is the name of the file with the certificate and the private key of the authority. They are in one file,
	// so that both are written at once.
	AuthorityFile = "lan-authority.pem"
	// authorityLifetime is long because every device must trust a new authority again.
	authorityLifetime = 10 * 365 * 24 * time.Hour
	// leafLifetime is well below 397 days, the longest lifetime that all browsers accept.
	leafLifetime = 90 * 24 * time.Hour
	// backdating makes certificates valid on devices whose clock is slow.
	backdating = 24 * time.Hour
)

// Root is the certificate of a LAN authority, which devices must trust.
type Root struct {
	Certificate *x509.Certificate
}

// DER returns the certificate in DER, the format of .crt files.
func (r Root) DER() []byte { return r.Certificate.Raw }

// PEM returns the certificate in PEM.
func (r Root) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate.Raw})
}

// Fingerprint returns the SHA-256 hash of the certificate as systems show it: bytes in hexadecimal with colons between them.
func (r Root) Fingerprint() string {
	sum := sha256.Sum256(r.Certificate.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// authority is a certificate authority.
type authority struct {
	Root
	key *ecdsa.PrivateKey
}

// openAuthority loads the authority from the folder, or creates it if there is none. A damaged authority is an error: it is
// never replaced, because all devices would have to trust the new one.
func openAuthority(dir, host string, now time.Time) (*authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder %s for certificates cannot be created: give this user write permission (%w)", dir, errors.Unwrap(err))
	}
	name := filepath.Join(dir, AuthorityFile)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return createAuthority(name, host, now)
	}
	if err != nil {
		return nil, fmt.Errorf("the certificate authority in %s cannot be read: give this user read permission (%w)", name, errors.Unwrap(err))
	}
	const repair = "restore the file from a backup, or delete it to create another authority, which all devices must trust again"
	a, err := parseAuthority(data)
	if err != nil {
		return nil, fmt.Errorf("the certificate authority in %s is damaged (%w): %s", name, err, repair)
	}
	if now.After(a.Certificate.NotAfter) {
		return nil, fmt.Errorf("the certificate authority in %s expired on %s: %s", name, a.Certificate.NotAfter.Format(time.DateOnly), repair)
	}
	return a, nil
}

// parseAuthority reads an authority from PEM data.
func parseAuthority(data []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("its key is not an ECDSA key")
	}
	if !pair.Leaf.IsCA {
		return nil, errors.New("its certificate is not that of an authority")
	}
	return &authority{Root{pair.Leaf}, key}, nil
}

// createAuthority creates an authority and stores it in a file that only this user can read.
func createAuthority(name, host string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate the key of the authority: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serialNumber(),
		Subject:               pkix.Name{Organization: []string{"Meet"}, CommonName: "Meet on " + host},
		NotBefore:             now.Add(-backdating),
		NotAfter:              now.Add(authorityLifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("create the certificate of the authority: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key of the authority: %w", err)
	}
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	data = append(data, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...)
	if err := writePrivateFile(name, data); err != nil {
		return nil, fmt.Errorf("the certificate authority cannot be stored in %s: give this user write permission (%w)", name, err)
	}
	return parseAuthority(data)
}

// writePrivateFile writes a file that only this user can read. After a crash the file is complete or does not exist.
func writePrivateFile(name string, data []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), ".new-*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// issue issues a certificate with a key of its own for these names and addresses.
func (a *authority) issue(names []string, addresses []netip.Addr, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serialNumber(),
		Subject:      pkix.Name{Organization: []string{"Meet"}, CommonName: names[0]},
		NotBefore:    now.Add(-backdating),
		NotAfter:     now.Add(leafLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     names,
	}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(address.AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("create a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse the created certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// serialNumber returns a random number of 128 bits, so that no number is used twice.
func serialNumber() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[0] &= 0x7f           // positive, as in RFC 5280, section 4.1.2.2
	return new(big.Int).SetBytes(b[:])
}
