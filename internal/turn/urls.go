package turn

import (
	"net"
	"strconv"
)

// URLs returns the TURN URLs (RFC 7065) of a server that clients reach at a host name or IP address, and by TLS at tlsHost.
// The last one is that which passes most firewalls: TLS if tlsPort is not 0, otherwise TCP.
func URLs(host string, port int, tlsHost string, tlsPort int) []string {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	urls := []string{"turn:" + address + "?transport=udp", "turn:" + address + "?transport=tcp"}
	if tlsPort != 0 {
		urls = append(urls, "turns:"+net.JoinHostPort(tlsHost, strconv.Itoa(tlsPort))+"?transport=tcp")
	}
	return urls
}
