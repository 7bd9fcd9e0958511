package proxy

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// tlsHeaders are the headers with which proxies report that the browser used TLS. The value is a scheme in X-Forwarded-Proto
// (nearly all proxies), CloudFront-Forwarded-Proto (Amazon CloudFront), X-Scheme and X-Forwarded-Scheme (ingress-nginx), and
// "on" in X-Forwarded-Ssl and Front-End-Https (Microsoft).
var tlsHeaders = []string{
	"X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Scheme", "X-Url-Scheme",
	"Cloudfront-Forwarded-Proto", "X-Forwarded-Ssl", "Front-End-Https",
}

// HTTPS reports whether the browser used TLS. In a header that lists several proxies, the first element comes from the
// outermost proxy. If one header reports TLS, other headers that do not report it are ignored, because a proxy behind
// another reports only its own scheme.
func HTTPS(r *http.Request) bool {
	secure := func(v string) bool {
		return slices.Contains([]string{"https", "wss", "on"}, strings.ToLower(v))
	}
	if r.TLS != nil || !fromProxy(r) {
		return r.TLS != nil
	}
	return secure(parameter(outermost(r.Header, "Forwarded"), "proto")) ||
		slices.ContainsFunc(tlsHeaders, func(name string) bool { return secure(outermost(r.Header, name)) })
}

// Host returns the host that the browser connected to, with its port if there is one. That is the host that the outermost
// proxy reports or, if no trusted proxy reports a host, the Host header.
func Host(r *http.Request) string {
	if !fromProxy(r) {
		return r.Host
	}
	for _, host := range []string{
		outermost(r.Header, "X-Forwarded-Host"), parameter(outermost(r.Header, "Forwarded"), "host"),
		outermost(r.Header, "X-Original-Host"), // Azure Application Gateway
	} {
		if ValidHost(host) {
			return host
		}
	}
	return r.Host
}

// PageHost returns the host of the page that sent r. The page's script passes this host in the query parameter "host",
// because a proxy may hide it from the server. Without that parameter, PageHost returns the result of Host.
func PageHost(r *http.Request) string {
	if host := r.URL.Query().Get("host"); ValidHost(host) {
		return host
	}
	return Host(r)
}

// Hostname returns the host name or IP address in PageHost, without a port and without brackets.
func Hostname(r *http.Request) string { return (&url.URL{Host: PageHost(r)}).Hostname() }

// TLSPort returns the port that the browser connected to, if this server terminates the TLS connection, otherwise 0. The port
// may differ from that which the server listens on, for example in a container. A trusted proxy may itself terminate the
// browser's TLS connection and use another one to this server.
func TLSPort(r *http.Request) int {
	if r.TLS == nil || fromProxy(r) && Forwarded(r) {
		return 0
	}
	port, err := strconv.ParseUint((&url.URL{Host: r.Host}).Port(), 10, 16)
	if err != nil {
		return 443
	}
	return int(port)
}

// ValidHost reports whether text contains only characters of hosts and ports, so that inserting it into a URL or a header
// cannot change any other part.
func ValidHost(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]_") == ""
}

// Forwarded reports whether r has a header that proxies add, trusted or not.
func Forwarded(r *http.Request) bool {
	headers := append([]string{"X-Forwarded-For", "X-Real-Ip", "X-Forwarded-Host", "X-Original-Host", "Forwarded", "Via"}, tlsHeaders...)
	return slices.ContainsFunc(headers, func(name string) bool { return r.Header.Get(name) != "" })
}

// outermost returns the first element of a header whose value is a list.
func outermost(h http.Header, name string) string {
	element, _, _ := strings.Cut(h.Get(name), ",")
	return strings.TrimSpace(element)
}

// parameter returns a parameter of one element of the Forwarded header (RFC 7239, section 4). Elements are split at commas,
// and parameters at semicolons, even within quotes. Addresses, hosts and schemes contain no commas, semicolons or escapes.
// So a client that opens a quote cannot hide an element that a proxy appends.
func parameter(element, name string) string {
	for pair := range strings.SplitSeq(element, ";") {
		if n, value, _ := strings.Cut(pair, "="); strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}
