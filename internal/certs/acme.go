package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"
)

const (
	// acmeInterval is the interval at which ACME checks whether its certificate must be renewed.
	acmeInterval = time.Hour
	// attemptTimeout limits one attempt to obtain a certificate. Validation by several perspectives takes seconds.
	attemptTimeout = 5 * time.Minute
)

// retryIntervals are the times to wait after failed attempts in a row; the last one is repeated. An attempt fails up to two
// validations, one for each type of challenge. Let's Encrypt allows five failed ones at once, and then one each 12 minutes.
// (https://letsencrypt.org/docs/rate-limits/)
var retryIntervals = []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour}

// ErrNoCertificate is returned to handshakes until the first certificate has been obtained.
var ErrNoCertificate = errors.New("no certificate has been obtained yet")

// ACMEOptions are the options of NewACME.
type ACMEOptions struct {
	Domain string       // DNS name of the certificate
	Email  string       // address for messages of the ACME server; "" for none
	URL    string       // directory of the ACME server; Let's Encrypt if ""
	CAFile string       // file of certificates that verify the ACME server, in PEM; "" for the system's
	Dir    string       // folder of the account, certificates and keys, which is created if needed
	Log    *slog.Logger // slog.Default() if nil

	Interval time.Duration // time between checks, and after a failure, for tests; acmeInterval and retryIntervals if 0
}

// Listeners are the open ports of this server at which it answers challenges.
type Listeners struct {
	Host     string // address of the ports; "" for all addresses
	HTTPPort int    // port with HTTPHandler, for HTTP-01 challenges; 0 for none
	TLSPort  int    // port with GetCertificate and NextProtos, for TLS-ALPN-01 challenges; 0 for none
}

// ACME is a Source that obtains the certificate of one domain from an ACME server and renews it (RFC 8555). It asks the
// server when to renew (RFC 9773), and so also replaces a certificate that was revoked. It makes no other requests: OCSP is
// not used. Until there is a certificate, it refuses handshakes, because a self-signed certificate would train people to
// ignore warnings.
type ACME struct {
	holder
	options   ACMEOptions
	listeners Listeners      // set by Start
	roots     *x509.CertPool // nil for the system's
	zap       *zap.Logger
	reason    string // why the last attempt failed that no rate limit refused; "" after a success; only for maintain
}

// NewACME returns a Source that uses the stored certificate, if there is one. Start obtains and renews certificates. NewACME
// fails only if a file or the folder cannot be used.
func NewACME(ctx context.Context, o ACMEOptions) (*ACME, error) {
	o.Log = orDefault(o.Log)
	if o.URL == "" {
		o.URL = certmagic.LetsEncryptProductionCA
	}
	a := &ACME{options: o, zap: zap.New(newLogCore(o.Log))}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder %s for certificates cannot be created: give this user write permission (%w)", o.Dir, errors.Unwrap(err))
	}
	if err := checkWritable(o.Dir); err != nil {
		return nil, err
	}
	if o.CAFile != "" {
		data, err := readFile("ACME server's authority", "acme_ca", o.CAFile)
		if err != nil {
			return nil, err
		}
		if a.roots = x509.NewCertPool(); !a.roots.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s contains no certificate in PEM format: set acme_ca to the file with the certificate of the ACME server's authority", o.CAFile)
		}
	}
	if err := a.loadStored(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// checkWritable returns an error if no file can be created in a folder.
func checkWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".writable-*")
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return fmt.Errorf("the folder %s for certificates is not writable: give this user write permission (%w)", dir, err)
	}
	return nil
}

// Start starts to obtain and renew the certificate in the background, when the server answers challenges. It must be called
// at most once.
func (a *ACME) Start(l Listeners) {
	a.listeners = l
	a.start(a.maintain)
}

// loadStored loads the certificate that an earlier process obtained, if there is one.
func (a *ACME) loadStored(ctx context.Context) error {
	manager, stop := a.newManager()
	defer stop()
	stored, err := manager.CacheManagedCertificate(ctx, a.options.Domain)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("the stored certificate of %s cannot be read: delete the folder %s to obtain another one (%w)", a.options.Domain, a.options.Dir, err)
	}
	a.certificate.Store(&stored.Certificate)
	return nil
}

// GetCertificate returns the certificate of the domain, or during validation the one for a TLS-ALPN-01 challenge (RFC 8737).
func (a *ACME) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Equal(hello.SupportedProtos, a.NextProtos()) {
		if challenge, ok := certmagic.GetACMEChallenge(a.options.Domain); ok {
			return acmez.TLSALPN01ChallengeCert(challenge.Challenge)
		}
	}
	if c := a.certificate.Load(); c != nil {
		return c, nil
	}
	return nil, ErrNoCertificate
}

// NextProtos returns the protocols that tls.Config.NextProtos must contain besides the server's own.
func (a *ACME) NextProtos() []string { return []string{acmez.ACMETLS1Protocol} }

// HTTPHandler returns a handler that answers HTTP-01 challenges and passes all other requests to next. It must serve plain
// HTTP on the domain's port 80.
func (a *ACME) HTTPHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if certmagic.LooksLikeHTTPChallenge(r) {
			challenge, ok := certmagic.GetACMEChallenge(a.options.Domain)
			if ok && certmagic.SolveHTTPChallenge(a.zap, w, r, challenge.Challenge) {
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// maintain obtains the certificate and renews it, until ctx ends.
func (a *ACME) maintain(ctx context.Context) {
	for failures := 0; ; {
		pause := a.options.Interval
		if err := a.attempt(ctx); err != nil && ctx.Err() == nil {
			if pause == 0 {
				pause = retryIntervals[min(failures, len(retryIntervals)-1)]
			}
			failures++
			a.logFailure(err, pause)
		} else {
			failures, a.reason = 0, ""
			if pause == 0 {
				pause = acmeInterval
			}
		}
		if !wait(ctx, pause) {
			return
		}
	}
}

// attempt obtains a certificate if there is none, and renews it if it is time.
func (a *ACME) attempt(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	manager, stop := a.newManager()
	defer stop()
	if err := manager.manage(ctx, a.options.Domain); err != nil {
		return err
	}
	c, err := manager.CacheManagedCertificate(ctx, a.options.Domain)
	if err != nil {
		return err
	}
	if old := a.certificate.Swap(&c.Certificate); old == nil || !old.Leaf.Equal(c.Leaf) {
		a.options.Log.Info("obtained a certificate", "domain", a.options.Domain, "expires", c.Leaf.NotAfter)
	}
	return nil
}

// logFailure logs why no certificate was obtained and when the next attempt follows. If a rate limit refused the attempt, it
// also logs why the attempts before failed.
func (a *ACME) logFailure(err error, pause time.Duration) {
	attributes := []any{"domain", a.options.Domain, "reason", explain(err), "retry_in", pause, "err", err}
	if problem, ok := errors.AsType[acme.Problem](err); ok && isRateLimit(problem) {
		if a.reason != "" {
			attributes = append(attributes, "reason_before", a.reason)
		}
	} else {
		a.reason = explain(err)
	}
	if leaf := a.Leaf(); leaf != nil && time.Now().Before(leaf.NotAfter) {
		a.options.Log.Warn("cannot renew the certificate: the server keeps the old one", append(attributes, "expires", leaf.NotAfter)...)
		return
	}
	a.options.Log.Error("cannot obtain a certificate: browsers cannot open the site", attributes...)
}
