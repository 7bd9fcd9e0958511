package app

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
)

// Greet tells a person where the server is: what to open first, and what others on the network open.
func (a *App) Greet(w io.Writer) error {
	data, err := filepath.Abs(a.config.DataDir)
	if err != nil {
		data = a.config.DataDir
	}
	first, others := links(a.Addr(), interfaceAddresses(), a.config.BasePath)
	text := fmt.Sprintf("Meet %s\n\n  Open            %s\n", Version, first)
	for _, link := range others {
		text += fmt.Sprintf("  On the network  %s\n", link)
	}
	text += fmt.Sprintf("  Listening       TCP and UDP %s\n  Data            %s\n", a.Addr(), data)
	if len(others) > 0 {
		text += "\nBrowsers give camera and microphone only to localhost and to https addresses, so others need an HTTPS proxy in front.\n"
	}
	if a.config.Dev {
		text += "\n*** DEVELOPMENT MODE: anybody can enter and control any room with key devkey and secret \"secret\". ***\n"
	}
	_, err = io.WriteString(w, text)
	return err
}

// links returns the address to open on this machine, and those for other machines when the server listens on all.
func links(listening netip.AddrPort, interfaces []netip.Addr, base string) (first string, others []string) {
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

// interfaceAddresses lists the addresses by which other machines may reach this one. Link-local ones do not work in a
// browser's address bar.
func interfaceAddresses() (ips []netip.Addr) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil // only the list of links is shorter
	}
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		if ip := prefix.Addr(); err == nil && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			ips = append(ips, ip)
		}
	}
	return ips
}
