package app

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"meet/internal/certs"
	"meet/internal/netaddr"
	"meet/internal/proxy"
)

// Greet prints the server's addresses: the address to open on this machine, and those for other machines. With a LAN
// authority it also prints what a device needs at its first visit, and a QR code if w is a terminal.
func (a *App) Greet(w io.Writer) error {
	data, err := filepath.Abs(a.config.DataDir)
	if err != nil {
		data = a.config.DataDir
	}
	hosts := a.otherHosts()
	first, others := a.links(hosts)
	text := fmt.Sprintf("Meet %s\n\n  Open            %s\n", Version, first)
	for _, link := range others {
		text += fmt.Sprintf("  On the network  %s\n", link)
	}
	text += fmt.Sprintf("  Listening       TCP and UDP %s\n  Data            %s\n", a.Addr(), data)
	if lan, ok := a.certificates.(*certs.LAN); ok && len(hosts) > 0 {
		visit, err := a.firstVisit(hosts[0], lan.Root(), isTerminal(w))
		if err != nil {
			return err
		}
		text += visit
	}
	if a.certificates == nil && len(hosts) > 0 {
		text += "\nBrowsers allow camera and microphone only on localhost and https addresses, so other machines need https: use --lan or --domain, or an HTTPS proxy.\n"
	}
	if a.config.Dev {
		text += "\n*** DEVELOPMENT MODE: anybody can enter and control any room with key devkey and secret \"secret\". ***\n"
	}
	_, err = io.WriteString(w, text)
	return err
}

// firstVisit returns what the greeting says about the trust page. The page is on plain HTTP, because devices that do not
// trust the authority yet show a warning instead of https pages. host is where other machines reach this server.
func (a *App) firstVisit(host string, root certs.Root, terminal bool) (string, error) {
	link := "http://" + a.hostPort(host) + a.config.BasePath + "/trust"
	text := fmt.Sprintf("\nEach device has to trust this server once, and finds out how at\n\n  First visit     %s\n  Fingerprint     %s\n", link, root.Fingerprint())
	if !terminal {
		return text, nil
	}
	code, err := qrCode(link)
	if err != nil {
		return "", err
	}
	return text + "\n" + code, nil
}

// links returns the address to open on this machine, and those for other machines. hosts is the result of otherHosts.
func (a *App) links(hosts []string) (first string, others []string) {
	for _, host := range hosts {
		others = append(others, a.origin(host)+a.config.BasePath+"/")
	}
	switch ip := a.Addr().Addr().Unmap(); {
	case len(others) > 0 && (a.config.Domain != "" || a.config.TLSCert != "" || !ip.IsUnspecified()):
		return others[0], others[1:]
	case a.config.TLSCert != "":
		return a.origin("localhost") + a.config.BasePath + "/", others
	case ip.IsLoopback():
		return "http://" + a.hostPort(ip.String()) + a.config.BasePath + "/", nil
	}
	// Browsers treat localhost as secure, and the server serves it without TLS.
	return "http://" + a.hostPort("localhost") + a.config.BasePath + "/", others
}

// inviteOrigin returns the origin for links to this server that are sent to others. It is "" if the request has a host that
// others can reach, or if no other is known.
func (a *App) inviteOrigin(r *http.Request) string {
	if !isLoopbackHost(proxy.Host(r)) {
		return ""
	}
	hosts := a.otherHosts()
	if len(hosts) == 0 {
		return ""
	}
	return a.origin(hosts[0])
}

// otherHosts returns the names or addresses at which other machines reach this server, the best one first: the domain, the
// names in the certificate file, or the addresses of this machine, and with a LAN authority its name. It is empty if the
// server listens on a loopback address only.
func (a *App) otherHosts() []string {
	if a.config.Domain != "" {
		return []string{a.config.Domain}
	}
	ip := a.Addr().Addr().Unmap()
	if ip.IsLoopback() {
		return nil
	}
	if files, ok := a.certificates.(*certs.Files); ok {
		return certificateHosts(files)
	}
	addresses := []netip.Addr{ip}
	if ip.IsUnspecified() {
		addresses, _ = netaddr.Usable() // on an error there are fewer links
	}
	if configured, err := netip.ParseAddr(a.config.NodeIP); err == nil { // "" means that no address is set
		addresses = append([]netip.Addr{configured}, slices.DeleteFunc(addresses, func(a netip.Addr) bool { return a == configured })...)
	}
	var hosts []string
	for _, address := range addresses {
		hosts = append(hosts, address.String())
	}
	if lan, ok := a.certificates.(*certs.LAN); ok && len(hosts) > 0 {
		if name := lan.Names()[0]; name != "localhost" {
			hosts = append(hosts, name)
		}
	}
	return hosts
}

// certificateHosts returns the names of a certificate, without patterns and localhost.
func certificateHosts(files *certs.Files) []string {
	return slices.DeleteFunc(slices.Clone(files.Leaf().DNSNames), func(name string) bool {
		return strings.Contains(name, "*") || isLoopbackHost(name)
	})
}

// origin returns the origin of this server's pages at a host.
func (a *App) origin(host string) string {
	if a.certificates == nil {
		return "http://" + a.hostPort(host)
	}
	return "https://" + strings.TrimSuffix(a.hostPort(host), ":443")
}

// hostPort returns a host with the server's port.
func (a *App) hostPort(host string) string {
	return net.JoinHostPort(host, strconv.Itoa(int(a.Addr().Port())))
}

// httpsOrigin returns the origin over https for the browser that sent the request, or "" if its Host header is invalid. A
// request to the port for plain HTTP gets the origin with the other port.
func (a *App) httpsOrigin(r *http.Request) string {
	host := proxy.Host(r)
	if !proxy.ValidHost(host) {
		return ""
	}
	var port uint16
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if ok && a.redirectPort != 0 && local.Port == a.redirectPort {
		port = a.Addr().Port()
	}
	u := url.URL{Scheme: "https", Host: a.httpsHost(host, port)}
	return u.String()
}
