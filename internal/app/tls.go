package app

import (
	"context"
	"net/netip"
	"path/filepath"

	"meet/internal/certs"
)

// certificatesFolder returns the folder for certificates in a data folder.
func certificatesFolder(dataDir string) string { return filepath.Join(dataDir, "certs") }

// ACMEFolder returns the folder of the ACME account and its certificates in a data folder.
func ACMEFolder(dataDir string) string { return filepath.Join(certificatesFolder(dataDir), "acme") }

// LANAuthorityFile returns the file of the certificate authority in a data folder.
func LANAuthorityFile(dataDir string) string {
	return filepath.Join(certificatesFolder(dataDir), certs.AuthorityFile)
}

// openCertificates opens the source of the server's certificates, if one is configured. The data folder must be locked.
func (a *App) openCertificates(ctx context.Context) error {
	if !a.config.TLS() {
		return nil
	}
	source, err := a.newCertificates(ctx)
	if err != nil {
		return err
	}
	a.push("certificates", func(context.Context) error { return source.Close() })
	a.certificates = source
	return nil
}

// newCertificates creates the source that the settings choose.
func (a *App) newCertificates(ctx context.Context) (certs.Source, error) {
	switch {
	case a.config.Domain != "":
		return certs.NewACME(ctx, certs.ACMEOptions{
			Domain: a.config.Domain, Email: a.config.ACMEEmail, URL: a.config.ACMEURL, CAFile: a.config.ACMECA,
			Dir: ACMEFolder(a.config.DataDir), Log: a.log,
		})
	case a.config.LAN:
		o := certs.LANOptions{Dir: certificatesFolder(a.config.DataDir), Log: a.log}
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
	if a.redirectPort == 0 && a.Addr().Port() != 443 {
		a.log.Warn("the ACME server cannot validate the domain, because neither port 443 nor port 80 is open: listen on :443, or free port 80",
			"listen", a.Addr(), "http_listen", a.config.HTTPListen)
	}
	l := certs.Listeners{HTTPPort: a.redirectPort, TLSPort: int(a.Addr().Port())}
	if ip := a.Addr().Addr().Unmap(); !ip.IsUnspecified() {
		l.Host = ip.String()
	}
	acme.Start(l)
}
