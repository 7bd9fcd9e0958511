package app

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"

	"meet/internal/netaddr"
)

// Greet prints the server's addresses: the address to open on this machine, and those for other machines on the network.
func (a *App) Greet(w io.Writer) error {
	data, err := filepath.Abs(a.config.DataDir)
	if err != nil {
		data = a.config.DataDir
	}
	interfaces, _ := netaddr.Usable() // on an error there are fewer links
	first, others := serverLinks(a.Addr(), interfaces, a.config.BasePath)
	text := fmt.Sprintf("Meet %s\n\n  Open            %s\n", Version, first)
	for _, link := range others {
		text += fmt.Sprintf("  On the network  %s\n", link)
	}
	text += fmt.Sprintf("  Listening       TCP and UDP %s\n  Data            %s\n", a.Addr(), data)
	if len(others) > 0 {
		text += "\nBrowsers allow camera and microphone only on localhost and https addresses, so other machines need an HTTPS proxy.\n"
	}
	if a.config.Dev {
		text += "\n*** DEVELOPMENT MODE: anybody can enter and control any room with key devkey and secret \"secret\". ***\n"
	}
	_, err = io.WriteString(w, text)
	return err
}

// serverLinks returns the address to open on this machine, and those for other machines if the server listens on all
// addresses.
func serverLinks(listening netip.AddrPort, interfaces []netip.Addr, base string) (first string, others []string) {
	at := func(host string) string {
		return fmt.Sprintf("http://%s%s/", net.JoinHostPort(host, fmt.Sprint(listening.Port())), base)
	}
	ip := listening.Addr().Unmap()
	if !ip.IsUnspecified() {
		return at(ip.String()), nil
	}
	for _, ip := range interfaces {
		others = append(others, at(ip.String()))
	}
	return at("localhost"), others
}
