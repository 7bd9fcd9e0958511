package proxy

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// SameHostOrigin reports whether a page of that origin (RFC 6454) is this server's own: whether it is the host that the request was
// sent to, or the one that a proxy says it was sent to. A page of another site cannot add headers to a WebSocket, and to a
// request only after a CORS preflight, which is refused. The schemes may differ: a proxy may speak TLS.
func SameHostOrigin(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return slices.ContainsFunc([]string{r.Host, Host(r)}, func(host string) bool {
		return strings.EqualFold(withoutPort(u.Host), withoutPort(host))
	})
}

// withoutPort drops the port that belongs to http or https: origins leave it out, and some proxies send it in Host.
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

// CheckOrigin reports whether a WebSocket is asked for by a program, which sends no Origin, or by a page of this server.
func CheckOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	return !slices.ContainsFunc(origins, func(origin string) bool { return !SameHostOrigin(origin, r) })
}
