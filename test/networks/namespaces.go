package networks

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// networks counts the networks of this process.
var networks atomic.Int64

// Network is a set of hosts that exists until the end of a test.
type Network struct {
	t      testing.TB
	prefix string // of the namespaces' names
}

// New returns an empty Network. It skips the test if namespaces cannot be created.
func New(t testing.TB) *Network {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may create network namespaces")
	}
	for _, program := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed; scripts/install-tools.sh installs it", program)
		}
	}
	return &Network{t, fmt.Sprintf("meet-%d-%d-", os.Getpid(), networks.Add(1))}
}

// Host is a network namespace.
type Host struct {
	Name      string
	Namespace string // as "ip netns" lists it

	t testing.TB
}

// Host creates a host without network interfaces except loopback. A name has at most 15 bytes.
func (n *Network) Host(name string) *Host {
	n.t.Helper()
	h := &Host{name, n.prefix + name, n.t}
	if out, err := exec.Command("ip", "netns", "add", h.Namespace).CombinedOutput(); err != nil {
		n.t.Fatalf("create a network namespace: %v\n%s", err, out)
	}
	n.t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", h.Namespace).CombinedOutput(); err != nil {
			n.t.Errorf("remove a network namespace: %v\n%s", err, out)
		}
	})
	h.IP("link", "set", "lo", "up")
	return h
}

// Link connects a and b by a cable. a gets the address atA and b gets atB, with prefix lengths, such as 10.0.0.1/24. The
// interface of each host has the other host's name. Further links between two hosts add addresses to the interfaces.
func (n *Network) Link(a *Host, atA string, b *Host, atB string) {
	n.t.Helper()
	if exec.Command("ip", "-n", a.Namespace, "link", "show", b.Name).Run() != nil {
		a.IP("link", "add", "name", b.Name, "type", "veth", "peer", "name", a.Name, "netns", b.Namespace)
		a.IP("link", "set", b.Name, "up")
		b.IP("link", "set", a.Name, "up")
	}
	a.Address(b.Name, atA)
	b.Address(a.Name, atB)
}

// Address adds an address to an interface of h. It is usable immediately, also with IPv6.
func (h *Host) Address(device, address string) {
	h.t.Helper()
	args := []string{"addr", "add", address, "dev", device}
	if strings.Contains(address, ":") {
		args = append(args, "nodad") // without duplicate address detection, which takes a second
	}
	h.IP(args...)
}

// Bridge creates a bridge without ports, as Docker does while no container runs.
func (h *Host) Bridge(name, address string) {
	h.t.Helper()
	h.IP("link", "add", "name", name, "type", "bridge")
	h.IP("link", "set", name, "up")
	h.Address(name, address)
}

// Rename gives an interface of h another name.
func (h *Host) Rename(device, name string) {
	h.t.Helper()
	h.IP("link", "set", device, "down")
	h.IP("link", "set", device, "name", name)
	h.IP("link", "set", name, "up")
}

// Gateway sends packets to all other networks through a router.
func (h *Host) Gateway(router string) {
	h.t.Helper()
	h.IP("route", "add", "default", "via", router)
}

// Route makes h forward packets between its networks.
func (h *Host) Route() {
	h.t.Helper()
	h.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
}

// Masquerade makes h a router that replaces the source address of packets that leave through the interface towards out.
func (h *Host) Masquerade(out *Host) {
	h.t.Helper()
	h.Route()
	h.Filter(`table ip leaving {
		chain source { type nat hook postrouting priority 100; oifname "` + out.Name + `" masquerade; }
	}`)
}

// Forward makes h forward connections to a TCP and UDP port that arrive on the interface towards from. to is an IPv4
// address. There is no hairpinning: hosts on other interfaces cannot use the address of h.
func (h *Host) Forward(from *Host, port int, to string) {
	h.t.Helper()
	h.Filter(fmt.Sprintf(`table ip arriving {
		chain destination { type nat hook prerouting priority -100; iifname %q meta l4proto { tcp, udp } th dport %d dnat to %s; }
	}`, from.Name, port, to))
}

// Filter adds nftables rules, in the syntax of nft(8).
func (h *Host) Filter(rules string) {
	h.t.Helper()
	cmd := h.Command(h.t.Context(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("nft on %s: %v\n%s", h.Name, err, out)
	}
}

// IP runs ip(8) for h.
func (h *Host) IP(args ...string) {
	h.t.Helper()
	if out, err := exec.Command("ip", append([]string{"-n", h.Namespace}, args...)...).CombinedOutput(); err != nil {
		h.t.Fatalf("ip %s on %s: %v\n%s", strings.Join(args, " "), h.Name, err, out)
	}
}

// Command returns a command that runs on h until ctx ends.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.Namespace, name}, args...)...)
}

// Resolve lets programs on h resolve names as the lines of a hosts file say, such as "203.0.113.7 meet.example.org".
func (h *Host) Resolve(lines ...string) {
	h.t.Helper()
	dir := filepath.Join("/etc/netns", h.Namespace) // bind-mounted over /etc by ip-netns(8)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			h.t.Error(err)
		}
		_ = os.Remove("/etc/netns") // fails while other tests use it
	})
	for name, text := range map[string]string{"hosts": strings.Join(append(lines, "127.0.0.1 localhost"), "\n") + "\n", "resolv.conf": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			h.t.Fatal(err)
		}
	}
}

// run runs a program on h.
func (h *Host) run(name string, args ...string) {
	h.t.Helper()
	if out, err := h.Command(h.t.Context(), name, args...).CombinedOutput(); err != nil {
		h.t.Fatalf("%s on %s: %v\n%s", name, h.Name, err, out)
	}
}
