package netaddr

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

// addresses parses IP addresses.
func addresses(texts ...string) (all []netip.Addr) {
	for _, s := range texts {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

// link returns a network interface with the given addresses.
func link(name string, texts ...string) networkInterface {
	return networkInterface{name, func() []netip.Addr { return addresses(texts...) }}
}

func TestAddressesThatOthersCannotUseAreOmitted(t *testing.T) {
	docker := link("docker0", "172.17.0.1", "fd00:d::1")
	for name, c := range map[string]struct {
		interfaces []networkInterface
		want       []netip.Addr
	}{
		"loopback and link-local": {
			[]networkInterface{link("lo", "127.0.0.1", "::1"), link("eth0", "192.168.1.2", "169.254.3.4", "fe80::1")},
			addresses("192.168.1.2"),
		},
		"several interfaces": {
			[]networkInterface{link("eth0", "192.168.1.2"), link("wlan0", "10.0.0.2")},
			addresses("192.168.1.2", "10.0.0.2"),
		},
		"private before public before carrier-grade NAT": {
			[]networkInterface{link("tailscale0", "100.64.0.9"), link("eth0", "203.0.113.7", "2001:db8::7", "10.0.0.2", "fd00::2")},
			addresses("10.0.0.2", "fd00::2", "203.0.113.7", "2001:db8::7", "100.64.0.9"),
		},
		"IPv6 only":            {[]networkInterface{link("eth0", "fd00::2", "2001:db8::7", "fe80::1")}, addresses("fd00::2", "2001:db8::7")},
		"bridge and network":   {[]networkInterface{docker, link("eth0", "203.0.113.7")}, addresses("203.0.113.7")},
		"bridge alone":         {[]networkInterface{docker, link("eth0", "fe80::1")}, docker.addresses()},
		"address on two links": {[]networkInterface{link("eth0", "10.0.0.2"), link("eth1", "10.0.0.2")}, addresses("10.0.0.2")},
		"nothing":              {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := usable(c.interfaces); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestBridgesAreRecognizedByTheirNames(t *testing.T) {
	for name, bridge := range map[string]bool{
		"docker0": true, "docker_gwbridge": true, "br-0123456789ab": true, "veth12ab": true, "virbr0": true, "cni0": true, "flannel.1": true,
		"cali0a1b": true, "lxcbr0": true, "lxdbr0": true, "podman1": true, "vEthernet (WSL)": true,
		"eth0": false, "br0": false, "br-lan": false, "enp3s0": false, "wlan0": false, "tailscale0": false, "wg0": false, "Ethernet": false,
	} {
		all := usable([]networkInterface{link(name, "10.9.9.9"), link("other", "192.0.2.1")})
		if got := !slices.Contains(all, netip.MustParseAddr("10.9.9.9")); got != bridge {
			t.Errorf("%s: omitted %v, want %v", name, got, bridge)
		}
	}
}

func TestNumberOfAddressesIsBounded(t *testing.T) {
	var all []string
	for n := range 3 * MaxUsable {
		all = append(all, fmt.Sprintf("203.0.113.%d", n+1), fmt.Sprintf("2001:db8::%d", n+1))
	}
	got := usable([]networkInterface{link("eth0", append(all, "192.168.1.2")...)})
	if len(got) != 2*MaxUsable || got[0] != netip.MustParseAddr("192.168.1.2") {
		t.Errorf("%d addresses, the first is %v", len(got), got[0])
	}
}

func TestPrivateAddressesAreThoseThatTheInternetCannotReach(t *testing.T) {
	for ip, want := range map[string]bool{"10.1.2.3": true, "fd00::1": true, "100.64.3.4": true, "203.0.113.7": false, "2001:db8::1": false} {
		if got := IsPrivate(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
		if got := IsPublic(netip.MustParseAddr(ip)); got == want {
			t.Errorf("%s is both public and private, or neither", ip)
		}
	}
	for _, ip := range []string{"127.0.0.1", "::1", "169.254.1.1", "fe80::1", "224.0.0.1", "0.0.0.0"} {
		if IsPublic(netip.MustParseAddr(ip)) {
			t.Errorf("%s is public", ip)
		}
	}
}

func TestUsableAddressesAreAddressesOfThisMachine(t *testing.T) {
	own, err := Own()
	if err != nil || !slices.Contains(own, netip.MustParseAddr("127.0.0.1")) {
		t.Fatalf("%v, %v: loopback is missing", own, err)
	}
	all, err := Usable()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if !slices.Contains(own, a) || a.IsLoopback() {
			t.Errorf("%v is usable, of %v", a, own)
		}
	}
}
