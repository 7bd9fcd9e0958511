package server_test

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
	"time"
)

// tlsCertificate and tlsKey are the names of files with a certificate for loopback addresses and its key.
var tlsCertificate, tlsKey string

// createCertificate creates tlsCertificate and tlsKey, and makes this process trust the certificate instead of the system's
// authorities: Pion has no setting for that. The returned function removes the files.
func createCertificate() (remove func()) {
	dir, err := os.MkdirTemp("", "meet-test-")
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	tlsCertificate, tlsKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(os.WriteFile(tlsCertificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(os.WriteFile(tlsKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	must(os.Setenv("SSL_CERT_FILE", tlsCertificate))
	return func() { _ = os.RemoveAll(dir) }
}

// must panics if err is not nil. It is for the preparation before the tests, which no test can fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
