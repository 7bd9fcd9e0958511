package doctor

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"meet/internal/netaddr"
)

// checkAddress checks whether other machines can reach the addresses that the server offers for media.
func checkAddress(listen, nodeIP string) Finding {
	own, err := netaddr.Own()
	if err != nil {
		return finding("address", "the addresses of this machine cannot be listed: %v", err).withAdvice(Warn, "give the address by which others reach this machine with --node-ip")
	}
	return assessAddress(listen, nodeIP, own)
}

// assessAddress returns the finding of checkAddress for a machine that has the given addresses.
func assessAddress(listen, nodeIP string, own []netip.Addr) Finding {
	const check = "address"
	if host, _, err := net.SplitHostPort(listen); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
			return finding(check, "the server listens on %s, which only this machine can reach", ip).withAdvice(Warn, "give an address that others can reach with --listen, unless the server is only used through a proxy and without media")
		}
	}
	if nodeIP != "" {
		if ip, err := netip.ParseAddr(nodeIP); err == nil && !slices.Contains(own, ip) {
			return finding(check, "media is offered on %s, which is not an address of this machine", nodeIP).
				withAdvice(Warn, "this is right if a router forwards the UDP and the TCP port to this machine; otherwise correct --node-ip")
		}
		return finding(check, "media is offered on %s, an address of this machine", nodeIP)
	}
	var public, private []string
	for _, ip := range own {
		switch {
		case ip.IsLoopback() || ip.IsLinkLocalUnicast():
		case netaddr.IsPrivate(ip):
			private = append(private, ip.String())
		default:
			public = append(public, ip.String())
		}
	}
	switch {
	case len(public) > 0:
		return finding(check, "media is offered on %s", strings.Join(append(public, private...), ", "))
	case len(private) > 0:
		return finding(check, "media is offered on %s, which only the local network can reach", strings.Join(private, ", ")).
			withAdvice(Warn, "for meetings over the internet, give the public address with --node-ip and forward the ports to this machine")
	}
	return finding(check, "this machine has no address except loopback").withAdvice(Fail, "connect it to a network, or give --node-ip")
}
