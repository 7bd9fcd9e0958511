package netaddr

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
)

// MaxUsable is the maximum number of addresses of one IP version that Usable returns. A client checks each pair of its own
// addresses and the server's, and browsers check at most 100 pairs (RFC 8445, section 6.1.2.5).
const MaxUsable = 8

// carrierGradeNAT is the block of addresses behind carrier-grade NAT (RFC 6598).
var carrierGradeNAT = netip.MustParsePrefix("100.64.0.0/10")

// bridgeName matches the names of interfaces that connect this machine to its own containers and virtual machines. They are
// those of Docker, Podman, LXC, LXD, libvirt, Kubernetes networks, and WSL and Hyper-V on Windows.
var bridgeName = regexp.MustCompile(`^(docker|veth|virbr|vnet|podman|cni|flannel|cali|cilium|lxc|lxd|nerdctl|kube-)|^br-[0-9a-f]{12}$|^vEthernet \(`)

// networkInterface is a network interface that is up.
type networkInterface struct {
	name      string
	addresses func() []netip.Addr // reads the addresses from the system
}

// Own returns the addresses of all network interfaces of this machine.
func Own() ([]netip.Addr, error) {
	addresses, err := net.InterfaceAddrs()
	return parse(addresses), err
}

// Usable returns the addresses at which other machines may reach this one. Private addresses come first, because clients on
// the same network reach them without a router. Usable omits loopback and link-local addresses. It omits bridges to
// containers and virtual machines, unless there are no other addresses. For each IP version, it returns at most MaxUsable
// addresses.
func Usable() ([]netip.Addr, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var up []networkInterface
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			up = append(up, networkInterface{i.Name, func() []netip.Addr {
				addresses, _ := i.Addrs() // on an error the interface was just removed
				return parse(addresses)
			}})
		}
	}
	return usable(up), nil
}

// usable selects the addresses of Usable. It reads the addresses of bridges only if there are no others, because a machine
// may have hundreds of bridges.
func usable(interfaces []networkInterface) []netip.Addr {
	for _, bridges := range []bool{false, true} {
		var found []netip.Addr
		for _, i := range interfaces {
			if bridgeName.MatchString(i.name) != bridges {
				continue
			}
			for _, a := range i.addresses() {
				if a.IsGlobalUnicast() && !slices.Contains(found, a) {
					found = append(found, a)
				}
			}
		}
		if len(found) > 0 {
			slices.SortStableFunc(found, func(a, b netip.Addr) int { return rank(a) - rank(b) })
			return limit(found)
		}
	}
	return nil
}

// IsPrivate reports whether a is an address that cannot be reached from the internet: a private address (RFC 1918, RFC
// 4193), or one behind carrier-grade NAT (RFC 6598).
func IsPrivate(a netip.Addr) bool { return a.IsPrivate() || carrierGradeNAT.Contains(a) }

// IsPublic reports whether a is an address that can be reached from the internet.
func IsPublic(a netip.Addr) bool { return a.IsGlobalUnicast() && !IsPrivate(a) }

// rank returns the position of a among the kinds of addresses: private, public, and behind carrier-grade NAT. VPNs such as
// Tailscale use the last kind, and are slower than the other paths between two machines.
func rank(a netip.Addr) int {
	switch {
	case a.IsPrivate():
		return 0
	case carrierGradeNAT.Contains(a):
		return 2
	}
	return 1
}

// limit returns the first MaxUsable addresses of each IP version.
func limit(all []netip.Addr) []netip.Addr {
	count := map[bool]int{}
	return slices.DeleteFunc(all, func(a netip.Addr) bool {
		count[a.Is4()]++
		return count[a.Is4()] > MaxUsable
	})
}

// parse converts the addresses of an interface. It omits all other kinds of addresses.
func parse(addresses []net.Addr) (all []netip.Addr) {
	for _, a := range addresses {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		if ip, ok := netip.AddrFromSlice(n.IP); ok {
			all = append(all, ip.Unmap())
		}
	}
	return all
}
