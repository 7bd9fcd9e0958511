package server_test

import (
	"os"

	"meet/test/testcert"
)

// tlsCertificate and tlsKey are the names of files with a certificate for loopback addresses and its key.
var tlsCertificate, tlsKey string

// createCertificate creates tlsCertificate and tlsKey, and makes this process trust the certificate instead of the system's
// authorities: Pion has no setting for that. The returned function removes the files.
func createCertificate() (remove func()) {
	dir, err := os.MkdirTemp("", "meet-test-")
	must(err)
	tlsCertificate, tlsKey, err = testcert.Write(dir, "localhost", "127.0.0.1", "::1")
	must(err)
	must(os.Setenv("SSL_CERT_FILE", tlsCertificate))
	return func() { _ = os.RemoveAll(dir) }
}

// must panics if err is not nil. It is for the preparation before the tests, which no test can fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
