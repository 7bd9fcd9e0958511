package client

import (
	"net/netip"
	"strconv"
	"strings"
)

// replaceCandidates changes the candidates in text, which is a session description or a single candidate, and returns
// the result. Every UDP candidate of component 1 gets the address of the proxy, and all other candidates are removed.
// If proxy is not valid, text is returned unchanged.
//
//	candidate:<foundation> <component> <transport> <priority> <address> <port> typ ...   (RFC 8839 section 5.1)
func replaceCandidates(proxy netip.AddrPort, text string) string {
	if !proxy.IsValid() {
		return text
	}
	var kept strings.Builder
	for line := range strings.Lines(text) {
		start := strings.Index(line, "candidate:")
		if start < 0 || (start > 0 && line[:start] != "a=") {
			kept.WriteString(line)
			continue
		}
		fields := strings.SplitN(line, " ", 7)
		if len(fields) < 7 || fields[1] != "1" || !strings.EqualFold(fields[2], "udp") {
			continue
		}
		fields[4], fields[5] = proxy.Addr().String(), strconv.Itoa(int(proxy.Port()))
		kept.WriteString(strings.Join(fields, " "))
	}
	return kept.String()
}
