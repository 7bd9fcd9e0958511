package app

import (
	"context"
	"crypto/tls"
	"net/netip"
	"path/filepath"

	"meet/internal/certs"
)

// openCertificates opens the source of the server's certificates, if one is configured. The data folder must be locked.
func (a *App) openCertificates(ctx context.Context) error {
	if !a.config.TLS() {
		return nil
	}
	source, err := a.newCertificates(ctx, filepath.Join(a.config.DataDir, "certs"))
	if err != nil {
		return err
	}
	a.push("certificates", func(context.Context) error { return source.Close() })
	a.certificates = source
	var configured *tls.Certificate
	if a.config.TLSCert != "" {
		if configured, err = source.GetCertificate(&tls.ClientHelloInfo{}); err != nil {
			return err
		}
	}
	a.hsts = a.wantsHSTS(configured)
	return nil
}

// newCertificates creates the source that the settings choose. dir is the folder for certificates in the data folder.
func (a *App) newCertificates(ctx context.Context, dir string) (certs.Source, error) {
	switch {
	case a.config.Domain != "":
		return certs.NewACME(ctx, certs.ACMEOptions{
			Domain: a.config.Domain, Email: a.config.ACMEEmail, URL: a.config.ACMEURL, CAFile: a.config.ACMECA,
			Dir: filepath.Join(dir, "acme"), Log: a.log,
		})
	case a.config.LAN:
		o := certs.LANOptions{Dir: dir, Log: a.log}
		if ip, err := netip.ParseAddr(a.config.NodeIP); err == nil { // "" means that no address is set
			o.Extra = []netip.Addr{ip}
		}
		return certs.NewLAN(o)
	}
	return certs.NewFiles(a.config.TLSCert, a.config.TLSKey, certs.FilesOptions{Log: a.log})
}

// startACME starts to obtain certificates, if ACME is configured. The server must answer requests.
func (a *App) startACME() {
	acme, ok := a.certificates.(*certs.ACME)
	if !ok {
		return
	}
	l := certs.Listeners{HTTPPort: a.redirectPort, TLSPort: int(a.Addr().Port())}
	if ip := a.Addr().Addr().Unmap(); !ip.IsUnspecified() {
		l.Host = ip.String()
	}
	acme.Start(l)
}
