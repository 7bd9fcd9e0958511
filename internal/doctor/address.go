package doctor

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"meet/internal/netaddr"
)

// checkAddress checks whether other machines can reach the addresses that the server offers for media. public are the
// addresses that the server will find by its STUN server and its domain. listOwn and listUsable are the functions of
// netaddr.
func checkAddress(o Options, public []netip.Addr, listOwn, listUsable func() ([]netip.Addr, error)) Finding {
	own, ownErr := listOwn()
	usable, usableErr := listUsable()
	if err := errors.Join(ownErr, usableErr); err != nil {
		return finding("address", "the addresses of this machine cannot be listed: %v", err).withAdvice(Warn, "give the address by which others reach this machine with --node-ip")
	}
	return assessAddress(o, public, own, usable)
}

// assessAddress returns the finding of checkAddress for a machine that has the addresses own, and offers those in usable.
func assessAddress(o Options, public, own, usable []netip.Addr) Finding {
	const check = "address"
	if host, _, err := net.SplitHostPort(o.Listen); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
			return finding(check, "the server listens on %s, which only this machine can reach", ip).withAdvice(Warn, "give an address that others can reach with --listen, unless the server is only used through a proxy and without media")
		} else if err == nil && !ip.IsUnspecified() {
			usable = []netip.Addr{ip}
		}
	}
	if ip, err := netip.ParseAddr(o.NodeIP); err == nil {
		public = []netip.Addr{ip} // replaces the other public addresses
	}
	offered := slices.Clone(usable)
	for _, a := range public {
		if !slices.Contains(offered, a) {
			offered = append(offered, a)
		}
	}
	foreign := slices.DeleteFunc(slices.Clone(public), func(a netip.Addr) bool { return slices.Contains(own, a) })
	switch {
	case len(offered) == 0:
		return finding(check, "this machine has no address except loopback").withAdvice(Fail, "connect it to a network, or give --node-ip")
	case o.NodeIP != "" && len(foreign) > 0:
		return finding(check, "media is offered on %s; %s is not an address of this machine", join(offered), join(foreign)).
			withAdvice(Warn, "this is right if a router forwards the UDP and the TCP port to this machine; otherwise correct --node-ip")
	case o.LANAuthority != "" || slices.ContainsFunc(offered, func(a netip.Addr) bool { return !netaddr.IsPrivate(a) }):
		return finding(check, "media is offered on %s", join(offered))
	}
	return finding(check, "media is offered on %s, which only the local network can reach", join(offered)).
		withAdvice(Warn, "for meetings over the internet, give the public address with --node-ip and forward the ports to this machine")
}
