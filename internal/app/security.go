package app

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"sync/atomic"
	"time"

	"meet/internal/certs"
)

// secureHeaders are the security headers of all responses. Pages replace the content security policy by their own.
var secureHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":  "nosniff",
	"Referrer-Policy":         "same-origin",
}

// withSecureHeaders wraps h so that all its responses have secureHeaders.
func withSecureHeaders(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range secureHeaders {
			w.Header().Set(name, value)
		}
		h.ServeHTTP(w, r)
	})
}

// isTrusted reports whether browsers accept a certificate: it is valid at the given time, and its chain leads to one of the
// roots. If roots is nil, these are the roots of the system. The names in the certificate are not checked. Leaf must be set.
func isTrusted(certificate *tls.Certificate, roots *x509.CertPool, now time.Time) bool {
	intermediates := x509.NewCertPool()
	for _, der := range certificate.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return false
		}
		intermediates.AddCert(c)
	}
	_, err := certificate.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err == nil
}

// trustCache remembers the result of isTrusted for one certificate.
type trustCache struct {
	roots *x509.CertPool // nil for those of the system
	last  atomic.Pointer[checkedCertificate]
}

// checkedCertificate is a certificate and the result of isTrusted at the time when its use began.
type checkedCertificate struct {
	leaf    *x509.Certificate
	trusted bool
}

// isTrusted returns the result of isTrusted for a certificate. It computes the result only if the certificate differs from the
// one in the last call.
func (t *trustCache) isTrusted(certificate *tls.Certificate) bool {
	last := t.last.Load()
	if last == nil || last.leaf != certificate.Leaf {
		last = &checkedCertificate{certificate.Leaf, isTrusted(certificate, t.roots, time.Now())}
		t.last.Store(last)
	}
	return last.trusted
}

// wantsHSTS reports whether responses should have the header Strict-Transport-Security. Browsers then refuse a later change to
// plain HTTP or to an untrusted certificate, so the header is sent only with certificates that browsers trust: those from
// Let's Encrypt, and those from files that the roots of the system trust.
func (a *App) wantsHSTS() bool {
	if files, ok := a.certificates.(*certs.Files); ok {
		certificate, err := files.GetCertificate(nil)
		return err == nil && a.trust.isTrusted(certificate)
	}
	return a.config.Domain != "" && a.config.ACMEURL == "" && a.config.ACMECA == "" // another ACME server may be a private one
}
