package turn

import (
	"net"
	"strconv"
)

// URLs returns the TURN URLs (RFC 7065) of a server that clients reach at a host name or IP address. The last one is that
// which passes most firewalls: TLS if the server terminates TLS (secure is set), otherwise TCP.
func URLs(host string, port int, secure bool) []string {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	urls := []string{"turn:" + address + "?transport=udp", "turn:" + address + "?transport=tcp"}
	if secure {
		urls = append(urls, "turns:"+address+"?transport=tcp")
	}
	return urls
}
