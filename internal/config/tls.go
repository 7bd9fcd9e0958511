package config

import (
	"errors"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// Default addresses of a server with a domain: the ports of HTTPS and HTTP, which ACME and browsers expect.
const (
	domainListen     = ":443"
	domainHTTPListen = ":80"
)

// domainPattern matches a DNS name with at least two labels, in ASCII.
var domainPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// setDomain stores a DNS name in lower case. It refuses IP addresses, for which public authorities issue no certificates.
func setDomain(c *Config, v string) error {
	v = strings.ToLower(strings.TrimSuffix(v, "."))
	if len(v) > 253 || !domainPattern.MatchString(v) || net.ParseIP(v) != nil {
		return errValue
	}
	c.Domain = v
	return nil
}

func setACMEEmail(c *Config, v string) error {
	user, domain, _ := strings.Cut(v, "@")
	if user == "" || domain == "" || strings.ContainsAny(v, " \t\r\n<>") {
		return errValue
	}
	c.ACMEEmail = v
	return nil
}

// setHTTPListen stores an address, or "" if the value is "off".
func setHTTPListen(c *Config, v string) error {
	if v == "off" {
		c.HTTPListen = ""
		return nil
	}
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return errValue
	}
	if err := checkPort(port); err != nil {
		return err
	}
	c.HTTPListen = v
	return nil
}

func setLAN(c *Config, v string) (err error) {
	if c.LAN, err = strconv.ParseBool(v); err != nil {
		return errValue
	}
	return nil
}

func setSTUNServer(c *Config, v string) error {
	host, port, err := net.SplitHostPort(v)
	if err != nil || host == "" || checkPort(port) != nil {
		return errValue
	}
	c.STUNServer = v
	return nil
}

// applyDomainDefaults sets the addresses of a server with a domain that are not set.
func (c *Config) applyDomainDefaults(listenSet, httpListenSet bool) {
	if c.Domain == "" {
		return
	}
	if !listenSet {
		c.Listen = domainListen
	}
	if !httpListenSet {
		c.HTTPListen = domainHTTPListen
	}
}

// TLS reports whether the server has certificates, so that it serves HTTPS.
func (c Config) TLS() bool { return c.Domain != "" || c.LAN || c.TLSCert != "" }

// tlsProblems returns an error for each contradiction between TLS settings.
func (c *Config) tlsProblems() (problems []error) {
	ways := 0
	for _, set := range []bool{c.Domain != "", c.LAN, c.TLSCert != "" || c.TLSKey != ""} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		problems = append(problems, errors.New("domain, lan and tls_cert are three ways to get a certificate: set one of them"))
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		problems = append(problems, errors.New("tls_cert and tls_key belong together: set both, the file of the certificate and the file of its key"))
	}
	if c.Domain == "" && (c.ACMEEmail != "" || c.ACMEURL != "" || c.ACMECA != "") {
		problems = append(problems, errors.New("acme_email, acme_url and acme_ca need domain, the name for which the server obtains a certificate"))
	}
	if c.HTTPListen != "" && !c.TLS() {
		problems = append(problems, errors.New("http_listen needs domain, lan or tls_cert: the server redirects requests from there to https"))
	}
	return problems
}
