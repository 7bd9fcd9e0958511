package app

import (
	"context"
	"crypto/tls"
	"fmt"
)

// openCertificates opens the source of the server's certificates, if one is configured.
func (a *App) openCertificates(context.Context) error {
	if a.config.TLSCert == "" {
		return nil
	}
	c, err := tls.LoadX509KeyPair(a.config.TLSCert, a.config.TLSKey)
	if err != nil {
		return fmt.Errorf("load the certificate: %w", err)
	}
	a.certificates = fixedCertificate{c}
	a.hsts = a.wantsHSTS(&c)
	return nil
}

// fixedCertificate is a certificateSource with one certificate.
type fixedCertificate struct{ certificate tls.Certificate }

// GetCertificate returns the certificate.
func (f fixedCertificate) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return &f.certificate, nil
}

// Close does nothing.
func (fixedCertificate) Close() error { return nil }
