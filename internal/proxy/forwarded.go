package proxy

import (
	"net/http"
	"slices"
	"strings"
)

// announcing are the headers by which proxies say that a browser came by TLS: as a scheme (X-Forwarded-Proto of nearly
// all, CloudFront-Forwarded-Proto of Amazon's, X-Scheme and X-Forwarded-Scheme of nginx in Kubernetes) or as "on"
// (X-Forwarded-Ssl, and Front-End-Https of Microsoft's).
var announcing = []string{
	"X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Scheme", "X-Url-Scheme",
	"Cloudfront-Forwarded-Proto", "X-Forwarded-Ssl", "Front-End-Https",
}

// HTTPS reports whether the browser came by TLS. Where proxies stand in a row, the first element of a header is of the
// outermost; one header that says so is enough, for a proxy behind another knows only its own scheme.
func HTTPS(r *http.Request) bool {
	secure := func(v string) bool {
		return slices.Contains([]string{"https", "wss", "on"}, strings.ToLower(v))
	}
	return r.TLS != nil || secure(parameter(outermost(r.Header, "Forwarded"), "proto")) ||
		slices.ContainsFunc(announcing, func(name string) bool { return secure(outermost(r.Header, name)) })
}

// Host is the host, perhaps with a port, by which the browser reached this server: what the outermost proxy says, or else
// the header Host.
func Host(r *http.Request) string {
	for _, host := range []string{
		outermost(r.Header, "X-Forwarded-Host"), parameter(outermost(r.Header, "Forwarded"), "host"),
		outermost(r.Header, "X-Original-Host"), // of Azure's Application Gateway
	} {
		if ValidHost(host) {
			return host
		}
	}
	return r.Host
}

// PageHost is the host of the page that asks, as its script says in ?host=, or else Host. A proxy may hide it from the server.
func PageHost(r *http.Request) string {
	if host := r.URL.Query().Get("host"); ValidHost(host) {
		return host
	}
	return Host(r)
}

// ValidHost reports whether text is made as hosts are, so that it changes nothing else of an address or a header it stands in.
func ValidHost(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]_") == ""
}

// Forwarded reports whether a proxy says that it passed r on.
func Forwarded(r *http.Request) bool {
	headers := append([]string{"X-Forwarded-For", "X-Real-Ip", "X-Forwarded-Host", "X-Original-Host", "Forwarded", "Via"}, announcing...)
	return slices.ContainsFunc(headers, func(name string) bool { return r.Header.Get(name) != "" })
}

// outermost is the first element of a header that is a list.
func outermost(h http.Header, name string) string {
	element, _, _ := strings.Cut(h.Get(name), ",")
	return strings.TrimSpace(element)
}

// parameter returns a parameter of one element of the header Forwarded (RFC 7239, section 4). Addresses, hosts and schemes
// hold no commas, semicolons or escapes, so these separate even in quotes: a quote that a client opens cannot swallow what
// a proxy appends.
func parameter(element, name string) string {
	for pair := range strings.SplitSeq(element, ";") {
		if n, value, _ := strings.Cut(pair, "="); strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}
