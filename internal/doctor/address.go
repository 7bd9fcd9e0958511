package doctor

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// address checks whether people can reach media where it is offered.
func checkAddress(listen, nodeIP string) Finding {
	own, err := ownAddresses()
	if err != nil {
		return finding("address", "the addresses of this machine cannot be listed: %v", err).withAdvice(Warn, "give the one others reach it by with --node-ip")
	}
	return judgeAddress(listen, nodeIP, own)
}

func judgeAddress(listen, nodeIP string, own []netip.Addr) Finding {
	const check = "address"
	if host, _, err := net.SplitHostPort(listen); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
			return finding(check, "it listens on %s: only this machine reaches it", ip).withAdvice(Warn, "give --listen an address that others reach, unless a proxy and nobody's media is what you want")
		}
	}
	if nodeIP != "" {
		if ip, err := netip.ParseAddr(nodeIP); err == nil && !slices.Contains(own, ip) {
			return finding(check, "media is offered on %s, which is not an address of this machine", nodeIP).
				withAdvice(Warn, "that is right behind a router that forwards the UDP and the TCP port here; else correct --node-ip")
		}
		return finding(check, "media is offered on %s, an address of this machine", nodeIP)
	}
	var public, private []string
	for _, ip := range own {
		switch {
		case ip.IsLoopback() || ip.IsLinkLocalUnicast():
		case ip.IsPrivate() || carrierGradeNAT.Contains(ip):
			private = append(private, ip.String())
		default:
			public = append(public, ip.String())
		}
	}
	switch {
	case len(public) > 0:
		return finding(check, "media is offered on %s", strings.Join(append(public, private...), ", "))
	case len(private) > 0:
		return finding(check, "media is offered on %s: the local network reaches that, the internet does not", strings.Join(private, ", ")).
			withAdvice(Warn, "to meet with people elsewhere, give the public address with --node-ip and forward the ports to this machine")
	}
	return finding(check, "this machine has no address but its loopback").withAdvice(Fail, "connect it to a network, or give --node-ip")
}

// shared is the range of carriers' networks (RFC 6598): as little reachable as a private one.
var carrierGradeNAT = netip.MustParsePrefix("100.64.0.0/10")

func ownAddresses() (ips []netip.Addr, err error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			ips = append(ips, prefix.Addr().Unmap())
		}
	}
	return ips, nil
}
