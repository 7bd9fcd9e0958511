package certs

import (
	"context"

	"github.com/caddyserver/certmagic"
)

// manager is certmagic's part in one attempt to obtain a certificate.
type manager struct{ *certmagic.Config }

// newManager returns a manager, and a function that ends its goroutine. A manager exists only while certificates are loaded
// or obtained: the goroutine of ACME decides when that happens, so that no other goroutine outlives Close.
func (a *ACME) newManager() (m manager, stop func()) {
	cache := certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return m.Config, nil },
		RenewCheckInterval: acmeInterval,
		Logger:             a.zap,
	})
	m.Config = certmagic.New(cache, certmagic.Config{
		Storage: storage{&certmagic.FileStorage{Path: a.options.Dir}},
		OCSP:    certmagic.OCSPConfig{DisableStapling: true},
		Logger:  a.zap,
	})
	acme := certmagic.NewACMEIssuer(m.Config, certmagic.ACMEIssuer{
		CA:                        a.options.URL,
		Email:                     a.options.Email,
		Agreed:                    true, // to the terms of the one server that the operator has chosen
		TrustedRoots:              a.roots,
		DisableHTTPChallenge:      a.listeners.HTTPPort == 0,
		DisableTLSALPNChallenge:   a.listeners.TLSPort == 0,
		DisableDistributedSolvers: true,
		ListenHost:                a.listeners.Host,
		AltHTTPPort:               a.listeners.HTTPPort,
		AltTLSALPNPort:            a.listeners.TLSPort,
		Logger:                    a.zap,
	})
	acme.TestCA = "" // certmagic would retry with Let's Encrypt's staging server
	m.Issuers = []certmagic.Issuer{issuer{acme}}
	return m, cache.Stop
}

// manage loads the domain's certificate, obtains it if there is none, and renews it if it is time. It makes one attempt.
func (m manager) manage(ctx context.Context, domain string) error {
	return m.ManageSync(ctx, []string{domain})
}

// issuer is an ACME issuer that never prompts.
type issuer struct{ *certmagic.ACMEIssuer }

// PreCheck prepares the issuer without asking for an email address on the terminal.
func (i issuer) PreCheck(ctx context.Context, names []string, _ bool) error {
	return i.ACMEIssuer.PreCheck(ctx, names, false)
}

// storage is the folder of the account, the certificates and the keys. It needs no locks, because the data folder is locked
// against other processes and only the goroutine of ACME writes to it.
type storage struct{ certmagic.Storage }

// Lock does nothing.
func (storage) Lock(context.Context, string) error { return nil }

// Unlock does nothing.
func (storage) Unlock(context.Context, string) error { return nil }
