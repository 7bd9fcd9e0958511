package client

import (
	"net/netip"
	"strconv"
	"strings"
)

// replaceCandidates returns a description, or one candidate, with every UDP candidate of component 1 at the address via. Others
// are left out. Without an address the text stays as it is.
//
//	candidate:<foundation> <component> <transport> <priority> <address> <port> typ ...   (RFC 8839 section 5.1)
func replaceCandidates(via netip.AddrPort, text string) string {
	if !via.IsValid() {
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
		fields[4], fields[5] = via.Addr().String(), strconv.Itoa(int(via.Port()))
		kept.WriteString(strings.Join(fields, " "))
	}
	return kept.String()
}
