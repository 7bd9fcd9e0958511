package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"meet/internal/publicip"
)

// checkSTUNServer checks whether the STUN server reports the public addresses of this machine, and returns them.
func checkSTUNServer(ctx context.Context, server string) (f Finding, public []netip.Addr) {
	const check = "public address"
	var errs []error
	for _, network := range []string{"udp4", "udp6"} {
		a, err := publicip.QuerySTUN(ctx, network, server)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		public = append(public, a)
	}
	if len(public) == 0 {
		return finding(check, "the STUN server %s did not report the public address of this machine: %v", server, errs[0]).
			withAdvice(Warn, "correct --stun-server, or give the public address with --node-ip"), nil
	}
	return finding(check, "the STUN server %s reports %s", server, join(public)), public
}

// checkDomain checks whether a domain resolves to addresses of this machine. known are its addresses, including public ones.
func checkDomain(ctx context.Context, resolver *net.Resolver, domain string, known []netip.Addr) (f Finding, resolved []netip.Addr) {
	const check = "DNS"
	resolved, err := publicip.Resolve(ctx, resolver, domain)
	if err != nil {
		return finding(check, "%s does not resolve to a usable address: %s", domain, LookupProblem(err)).
			withAdvice(Fail, "create an A or AAAA record for it that contains the public address of this machine"), nil
	}
	var foreign []netip.Addr
	for _, a := range resolved {
		if !slices.Contains(known, a) {
			foreign = append(foreign, a)
		}
	}
	if len(foreign) == 0 {
		return finding(check, "%s resolves to %s, which this machine has", domain, join(resolved)), resolved
	}
	return finding(check, "%s resolves to %s, which is not known to be an address of this machine", domain, join(foreign)).
		withAdvice(Warn, "this is right if a router or a proxy at that address forwards the ports to this machine; otherwise correct the DNS record"), resolved
}

// LookupProblem returns the reason why a name could not be resolved, without the parts of the error that contain addresses
// and ports of name servers.
func LookupProblem(err error) string {
	dns, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok:
		return err.Error()
	case dns.IsNotFound:
		return "there is no such name"
	case dns.IsTimeout:
		return "the name server does not answer"
	}
	return dns.Err
}

// join returns the addresses with commas between them.
func join(addresses []netip.Addr) string {
	var texts []string
	for _, a := range addresses {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}
