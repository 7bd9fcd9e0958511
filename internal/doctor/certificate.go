package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// expirySoon is how long before its expiry a certificate causes a warning. Programs renew certificates earlier.
const expirySoon = 14 * 24 * time.Hour

// certificateCheck is the name of the findings about certificates.
const certificateCheck = "certificate"

// checkCertificate checks the certificate that the server uses with these settings. It returns no finding if there is none.
func checkCertificate(o Options, now time.Time) []Finding {
	switch {
	case o.TLSCert != "":
		return []Finding{checkFiles(o.TLSCert, o.TLSKey, o.Host, o.Roots, now)}
	case o.Domain != "":
		return []Finding{checkStored(o, now)}
	case o.LANAuthority != "":
		return []Finding{checkLANAuthority(o.LANAuthority, now)}
	}
	return nil
}

// checkFiles checks the files of a certificate and its key.
func checkFiles(certFile, keyFile, host string, roots *x509.CertPool, now time.Time) Finding {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return finding(certificateCheck, "%s and %s cannot be used: %v", certFile, keyFile, err).
			withAdvice(Fail, "set tls_cert to a certificate with its chain and tls_key to its private key, both in PEM")
	}
	var chain []*x509.Certificate
	for _, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return finding(certificateCheck, "the chain in %s is damaged: %v", certFile, err).withAdvice(Fail, "replace the file")
		}
		chain = append(chain, c)
	}
	f := AssessCertificate(chain, host, roots, now)
	f.Text += " (" + certFile + ")"
	return f
}

// checkStored checks the certificate that the server has obtained for its domain.
func checkStored(o Options, now time.Time) Finding {
	// certmagic stores a certificate in a folder for its issuer, in a folder for its name.
	files, err := filepath.Glob(filepath.Join(o.Certificates, "certificates", "*", o.Domain, o.Domain+".crt"))
	if err != nil || len(files) == 0 {
		return finding(certificateCheck, "there is no certificate of %s in %s yet", o.Domain, o.Certificates).
			withAdvice(Warn, "start the server, which obtains one, and read its log if that fails")
	}
	slices.SortFunc(files, func(a, b string) int { return modified(b).Compare(modified(a)) }) // the latest issuer comes first
	return checkFiles(files[0], strings.TrimSuffix(files[0], ".crt")+".key", o.Domain, o.Roots, now)
}

// modified returns the time at which a file was modified last, or the zero time if it does not exist.
func modified(name string) time.Time {
	info, err := os.Stat(name)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// checkLANAuthority checks the certificate of the server's own authority. The server issues its certificates when it starts.
func checkLANAuthority(file string, now time.Time) Finding {
	c, err := readCertificate(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return finding(certificateCheck, "the server will create a certificate authority in %s", file)
	case err != nil:
		return finding(certificateCheck, "the certificate authority in %s cannot be used: %v", file, err).
			withAdvice(Fail, "restore the file from a backup, or delete it to create another authority, which all devices must trust again")
	case now.After(c.NotAfter):
		return finding(certificateCheck, "the certificate authority in %s expired on %s", file, c.NotAfter.Format(time.DateOnly)).
			withAdvice(Fail, "delete the file to create another authority, which all devices must trust again")
	}
	return finding(certificateCheck, "the certificate authority in %s is valid until %s; each device has to trust it", file, c.NotAfter.Format(time.DateOnly))
}

// readCertificate reads the first certificate of a PEM file.
func readCertificate(file string) (*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("it contains no certificate in PEM format")
}

// AuthorityRoots returns a pool with the certificate of the server's own authority in a file, and the system's
// certificates. It returns nil, which stands for the system's certificates, if the file cannot be read.
func AuthorityRoots(file string) *x509.CertPool {
	c, err := readCertificate(file)
	if err != nil {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AddCert(c)
	return roots
}

// AssessCertificate returns the finding about a certificate and its chain. host is the name or address for which it has to
// be valid; "" for any. roots are the trusted authorities; nil means the system's.
func AssessCertificate(chain []*x509.Certificate, host string, roots *x509.CertPool, now time.Time) Finding {
	leaf := chain[0]
	names := certificateNames(leaf)
	if host != "" && leaf.VerifyHostname(strings.Trim(host, "[]")) != nil {
		return finding(certificateCheck, "the certificate is valid for %s, and not for %s", names, host).
			withAdvice(Fail, "get a certificate for "+host+", or open the server at a name of its certificate")
	}
	if now.After(leaf.NotAfter) {
		return finding(certificateCheck, "the certificate of %s expired on %s", names, leaf.NotAfter.Format(time.DateOnly)).withAdvice(Fail, "renew it")
	}
	if now.Before(leaf.NotBefore) {
		return finding(certificateCheck, "the certificate of %s is not valid before %s", names, leaf.NotBefore.Format(time.DateTime)).
			withAdvice(Fail, "check the clock of this machine")
	}
	err := VerifyChain(chain, roots, now)
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)) && leaf.CheckSignatureFrom(leaf) == nil:
		return finding(certificateCheck, "the certificate of %s is signed by itself, so browsers show a warning", names).
			withAdvice(Warn, "use --domain or --lan, or get a certificate from an authority")
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return finding(certificateCheck, "the certificate of %s is signed by %q, which this machine does not trust", names, leaf.Issuer.CommonName).
			withAdvice(Warn, "append the intermediate certificates to the file of the certificate; a private authority has to be installed on every device")
	case err != nil:
		return finding(certificateCheck, "the certificate of %s cannot be verified: %v", names, err).withAdvice(Fail, "get another certificate")
	case now.Add(expirySoon).After(leaf.NotAfter):
		return finding(certificateCheck, "the certificate of %s expires on %s", names, leaf.NotAfter.Format(time.DateOnly)).
			withAdvice(Warn, "renew it; if the server renews it, read why that fails in its log")
	}
	return finding(certificateCheck, "the certificate is valid for %s until %s, and its chain is complete", names, leaf.NotAfter.Format(time.DateOnly))
}

// VerifyChain verifies a certificate by its chain up to a trusted authority. roots are the trusted authorities; nil means the
// system's.
func VerifyChain(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) error {
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: now})
	return err
}

// certificateNames returns the names and addresses for which a certificate is valid.
func certificateNames(c *x509.Certificate) string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) > 5 {
		names = append(names[:5], fmt.Sprintf("%d others", len(names)-5))
	}
	if len(names) == 0 {
		return "no name"
	}
	return strings.Join(names, ", ")
}
