package certs

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// maxFileSize limits how much of a file is read, in bytes. Chains of certificates have a few thousand bytes.
const maxFileSize = 1 << 20

// loadPair reads and checks a certificate with its chain, and its private key. Its errors say what to do.
func loadPair(certFile, keyFile string, now time.Time) (*tls.Certificate, error) {
	certPEM, err := readFile("certificate", "tls_cert", certFile)
	if err != nil {
		return nil, err
	}
	keyPEM, err := readFile("private key", "tls_key", keyFile)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, explainPair(err, certFile, certPEM, keyFile, keyPEM)
	}
	switch leaf := pair.Leaf; {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("the certificate in %s expired on %s: renew it", certFile, leaf.NotAfter.Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("the certificate in %s is valid from %s only: check the clock of this machine", certFile, leaf.NotBefore.Format(time.DateTime))
	}
	return &pair, nil
}

// readFile reads a file of limited size. kind and setting are used in errors.
func readFile(kind, setting, name string) ([]byte, error) {
	file, err := os.Open(name)
	if err == nil {
		defer func() { _ = file.Close() }() // it was only read
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(file, maxFileSize)); err == nil {
			return data, nil
		}
	}
	reason := err
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		reason = pathError.Err
	}
	return nil, fmt.Errorf("the file %s of the %s cannot be read: set %s to a file that this user can read (%w)", name, kind, setting, reason)
}

// explainPair returns the reason why two files are not a certificate and its private key.
func explainPair(err error, certFile string, certPEM []byte, keyFile string, keyPEM []byte) error {
	switch {
	case !hasBlock(certPEM, "CERTIFICATE"):
		return fmt.Errorf("%s contains no certificate in PEM format: set tls_cert to the file with the certificate and its chain", certFile)
	case isEncrypted(keyPEM):
		return fmt.Errorf("the private key in %s has a passphrase: remove it with openssl pkey, and set tls_key to the result", keyFile)
	case !hasBlock(keyPEM, "PRIVATE KEY"):
		return fmt.Errorf("%s contains no private key in PEM format: set tls_key to the file with the private key of the certificate", keyFile)
	case strings.Contains(err.Error(), "does not match"):
		return fmt.Errorf("the private key in %s does not belong to the certificate in %s: set tls_cert and tls_key to files that belong together", keyFile, certFile)
	}
	return fmt.Errorf("the certificate in %s or its private key in %s is damaged: replace both files (%w)", certFile, keyFile, err)
}

// hasBlock reports whether PEM data has a block whose type ends with suffix.
func hasBlock(data []byte, suffix string) bool {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, suffix) {
			return true
		}
	}
	return false
}

// isEncrypted reports whether PEM data has a private key that is encrypted as in PKCS #8 (RFC 5958) or RFC 1421.
func isEncrypted(data []byte) bool {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
	return false
}
