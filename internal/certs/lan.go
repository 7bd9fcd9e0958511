package certs

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	// lanInterval is the interval at which LAN checks the addresses of this machine and the certificate's age.
	lanInterval = 10 * time.Second
	// leafRenewal is how long before its expiry LAN renews a certificate.
	leafRenewal = 30 * 24 * time.Hour
	// maxAddresses limits the addresses in a certificate, because some machines have thousands.
	maxAddresses = 256
)

// LANOptions are the options of NewLAN.
type LANOptions struct {
	Dir       string                       // folder of the authority, which is created if needed
	Log       *slog.Logger                 // slog.Default() if nil
	Hostname  string                       // name of this machine; os.Hostname() if ""
	Addresses func() ([]netip.Addr, error) // addresses of this machine; those of its network interfaces if nil
	Extra     []netip.Addr                 // further addresses at which clients reach this machine, such as the host of a container
}

// LAN is a Source with a certificate authority of its own, for networks without public names. Its certificates are valid
// for the names and the addresses of this machine. They are not stored: each start issues another one.
type LAN struct {
	holder
	authority *authority
	options   LANOptions
	names     []string
}

// NewLAN returns a Source that uses the certificate authority in a folder. It creates the authority at the first start.
func NewLAN(o LANOptions) (*LAN, error) {
	o.Log = orDefault(o.Log)
	if o.Hostname == "" {
		o.Hostname, _ = os.Hostname() // without a name, the certificate is for addresses and localhost only
	}
	if o.Addresses == nil {
		o.Addresses = InterfaceAddresses
	}
	names := hostNames(o.Hostname)
	a, err := openAuthority(o.Dir, names[0], time.Now())
	if err != nil {
		return nil, err
	}
	l := &LAN{authority: a, options: o, names: names}
	addresses, err := l.addresses()
	if err != nil {
		o.Log.Warn("cannot list the addresses of this machine: the certificate is valid for its names only", "err", err)
	}
	if err := l.issue(addresses); err != nil {
		return nil, err
	}
	l.start(func(ctx context.Context) { l.renew(ctx, addresses) })
	return l, nil
}

// GetCertificate returns the current certificate.
func (l *LAN) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return l.certificate.Load(), nil
}

// Root returns the certificate of the authority.
func (l *LAN) Root() Root { return l.authority.Root }

// Names returns the DNS names for which the certificate is valid.
func (l *LAN) Names() []string { return slices.Clone(l.names) }

// renew issues another certificate when the addresses differ from issued or the certificate expires soon, until ctx ends.
func (l *LAN) renew(ctx context.Context, issued []netip.Addr) {
	for wait(ctx, lanInterval) {
		addresses, err := l.addresses()
		if err != nil {
			addresses = issued // retried at the next check
		}
		if slices.Equal(addresses, issued) && time.Until(l.Leaf().NotAfter) > leafRenewal {
			continue
		}
		if err := l.issue(addresses); err != nil {
			l.options.Log.Error("cannot issue a certificate: the server keeps the old one", "err", err)
			continue
		}
		issued = addresses
		l.options.Log.Info("issued a certificate for the addresses of this machine", "addresses", addresses, "expires", l.Leaf().NotAfter)
	}
}

// issue replaces the certificate.
func (l *LAN) issue(addresses []netip.Addr) error {
	c, err := l.authority.issue(l.names, addresses, time.Now())
	if err != nil {
		return err
	}
	l.certificate.Store(c)
	return nil
}

// addresses returns the addresses for the certificate, sorted: those of this machine, Extra, and the loopback addresses.
func (l *LAN) addresses() ([]netip.Addr, error) {
	found, err := l.options.Addresses()
	all := append([]netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, l.options.Extra...)
	for _, address := range found {
		if len(all) < maxAddresses {
			all = append(all, address.Unmap())
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all), err
}

// InterfaceAddresses returns the addresses of this machine's network interfaces, except link-local ones, which cannot be
// written in a certificate (RFC 5280, section 4.2.1.6) or a browser's address bar because of their zones.
func InterfaceAddresses() ([]netip.Addr, error) {
	prefixes, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var addresses []netip.Addr
	for _, p := range prefixes {
		prefix, err := netip.ParsePrefix(p.String())
		if err == nil && !prefix.Addr().IsLinkLocalUnicast() {
			addresses = append(addresses, prefix.Addr())
		}
	}
	return addresses, nil
}

// dnsName matches the host names that a certificate may contain.
var dnsName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// hostNames returns the names of a machine: its host name, its name in multicast DNS (RFC 6762), and localhost. The name by
// which others reach the machine is the first one.
func hostNames(hostname string) []string {
	hostname = strings.ToLower(strings.TrimSuffix(hostname, "."))
	label, _, _ := strings.Cut(hostname, ".")
	if hostname == "localhost" || len(hostname) > 253 || !dnsName.MatchString(hostname) {
		return []string{"localhost"}
	}
	names := []string{label + ".local"}
	for _, name := range []string{hostname, label, "localhost"} {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
