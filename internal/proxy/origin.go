package proxy

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// SameHostOrigin reports whether this server has served a page with the given origin (RFC 6454). It compares the host of the
// origin with the Host header of r and with the host that a proxy reports. Scripts of other sites cannot forge a proxy's
// headers. They cannot set headers of a WebSocket request, and they can set headers of other requests only after a CORS
// preflight, which is refused. The schemes may differ, because a proxy may terminate TLS.
func SameHostOrigin(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return slices.ContainsFunc([]string{r.Host, Host(r)}, func(host string) bool {
		return strings.EqualFold(withoutPort(u.Host), withoutPort(host))
	})
}

// withoutPort removes port 80 or 443 from host, because origins omit these ports and some proxies send them in the Host
// header.
func withoutPort(host string) string {
	name, port, err := net.SplitHostPort(host)
	switch {
	case err != nil || port != "80" && port != "443":
		return host
	case strings.Contains(name, ":"): // an IPv6 address
		return "[" + name + "]"
	}
	return name
}

// CheckOrigin reports whether a WebSocket request comes from a program, which sends no Origin, or from a page of this
// server.
func CheckOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	return !slices.ContainsFunc(origins, func(origin string) bool { return !SameHostOrigin(origin, r) })
}
