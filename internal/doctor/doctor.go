package doctor

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"time"

	"meet/internal/netaddr"
)

// Status is the result of a check.
type Status string

// The statuses. A server works despite a warning. A failure means that it does not start, or that it is useless.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Finding is the result of one check, with an explanation.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"` // what to do about it; "" if Status is OK
}

// Options holds the settings of the server to check.
type Options struct {
	Listen     string // host:port
	DataDir    string
	NodeIP     string // public address besides those of this machine; "" for none
	STUNServer string // host:port of the server that reports the public address; "" for none
	Host       string // name or address at which clients reach the server; "" if it is unknown

	// Domain, LANAuthority, and TLSCert with TLSKey are three ways to get certificates. At most one is set.
	Domain          string // DNS name for which the server obtains certificates
	Certificates    string // folder of the certificates for Domain
	LANAuthority    string // file of the server's own certificate authority
	TLSCert, TLSKey string // files of a certificate and its key

	Roots    *x509.CertPool // authorities that clients trust; nil means the system's
	Resolver *net.Resolver  // resolves Domain; nil means the system's
}

// Examine runs all checks and returns their findings, in the order in which an operator would check.
func Examine(ctx context.Context, o Options) []Finding {
	running := Serving(ctx, o.Listen)
	findings := []Finding{checkDataFolder(o.DataDir), checkDiskSpace(o.DataDir), checkTCPPort(o.Listen, running), checkUDPPort(o.Listen, running)}
	findings = append(findings, checkCertificate(o, time.Now())...)
	findings = append(findings, checkAddresses(ctx, o)...)
	return append(findings, checkClock(), checkOpenFiles(), checkSocketBuffers(), checkSegmentOffload())
}

// checkAddresses checks the addresses of this machine, its public address, and its domain.
func checkAddresses(ctx context.Context, o Options) (findings []Finding) {
	known, _ := netaddr.Own() // on an error, checkAddress reports it
	if a, err := netip.ParseAddr(o.NodeIP); err == nil {
		known = append(known, a)
	}
	var public []netip.Addr
	if o.STUNServer != "" {
		f, reported := checkSTUNServer(ctx, o.STUNServer)
		findings, public, known = append(findings, f), reported, append(known, reported...)
	}
	if o.Domain != "" {
		f, resolved := checkDomain(ctx, o.Resolver, o.Domain, known)
		findings, public = append(findings, f), append(public, resolved...)
	}
	return append([]Finding{checkAddress(o, public, netaddr.Own, netaddr.Usable)}, findings...)
}

// finding returns an OK finding. Use withAdvice for any other status.
func finding(check, format string, args ...any) Finding {
	return Finding{check, OK, fmt.Sprintf(format, args...), ""}
}

// withAdvice returns the finding with another status and advice.
func (f Finding) withAdvice(s Status, advice string) Finding {
	f.Status, f.Advice = s, advice
	return f
}
