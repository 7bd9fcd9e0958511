package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Source supplies the certificate for TLS handshakes.
type Source interface {
	// GetCertificate returns the certificate for a handshake. It is meant for tls.Config.GetCertificate.
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Close ends the source's goroutine and waits for it.
	Close() error
}

// holder holds the current certificate of a Source, and runs the goroutine that replaces it.
type holder struct {
	certificate atomic.Pointer[tls.Certificate] // nil until there is one
	cancel      context.CancelFunc
	goroutines  sync.WaitGroup
}

// start runs replace on a goroutine until Close.
func (h *holder) start(replace func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	h.goroutines.Go(func() { replace(ctx) }) // ends when Close cancels ctx
}

// Close ends the goroutine, if it was started, and waits for it.
func (h *holder) Close() error {
	if h.cancel != nil {
		h.cancel()
	}
	h.goroutines.Wait()
	return nil
}

// Leaf returns the current certificate, or nil if there is none yet.
func (h *holder) Leaf() *x509.Certificate {
	c := h.certificate.Load()
	if c == nil {
		return nil
	}
	return c.Leaf
}

// wait waits for a duration. It reports false if ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Warnings about a certificate that nobody renews begin this long before it expires, and are repeated at this interval.
const (
	expiryWarning       = 14 * 24 * time.Hour
	expiryWarningRepeat = 24 * time.Hour
)

// expiryLog logs warnings about a certificate that expires soon.
type expiryLog struct {
	log    *slog.Logger
	warned time.Time // of the last warning
}

// check logs a warning if the certificate expires soon or has expired, at most once a day.
func (e *expiryLog) check(leaf *x509.Certificate, now time.Time) {
	remaining := leaf.NotAfter.Sub(now)
	if remaining > expiryWarning || now.Sub(e.warned) < expiryWarningRepeat {
		return
	}
	e.warned = now
	if remaining <= 0 {
		e.log.Error("the certificate has expired and browsers refuse it: renew it", "expired", leaf.NotAfter)
		return
	}
	e.log.Warn("the certificate expires soon: renew it", "expires", leaf.NotAfter, "days_left", int(remaining.Hours()/24))
}
