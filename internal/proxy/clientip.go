package proxy

import (
	"context"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Trusted lists the networks of the reverse proxies whose headers are honoured. An empty list means all loopback, private and
// link-local addresses.
type Trusted []netip.Prefix

// Contains reports whether a is the address of a trusted proxy.
func (t Trusted) Contains(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if len(t) == 0 {
		return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
	}
	return slices.ContainsFunc(t, func(p netip.Prefix) bool { return p.Contains(a) })
}

// maxHops bounds the number of proxies whose headers are followed for one request.
const maxHops = 32

// trustKey is the context key of the Trusted that applies to a request.
type trustKey struct{}

// Handler wraps next so that the functions of this package honour the headers of the proxies in t.
func (t Trusted) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), trustKey{}, t)))
	})
}

// trusted returns the Trusted whose Handler r has passed through, or an empty one.
func trusted(r *http.Request) Trusted {
	t, _ := r.Context().Value(trustKey{}).(Trusted)
	return t
}

// fromProxy reports whether a trusted proxy sent r, so that its headers are honoured.
func fromProxy(r *http.Request) bool { return trusted(r).Contains(address(r.RemoteAddr)) }

// ClientIP returns the address of the client that sent r.
func ClientIP(r *http.Request) string { return trusted(r).clientIP(r) }

// clientIP starts at the peer of the TCP connection and follows the addresses in the headers, nearest first, for at most
// maxHops, while the current address is a trusted proxy. It returns the first address that is not a trusted proxy. If there
// is none, it returns the last valid address. If the peer has no IP address, it returns r.RemoteAddr.
func (t Trusted) clientIP(r *http.Request) string {
	client := address(r.RemoteAddr)
	if !client.IsValid() {
		return r.RemoteAddr
	}
	if !t.Contains(client) {
		return client.String()
	}
	passed := 0
	for hop := range hops(r.Header) {
		before := address(hop)
		if !before.IsValid() {
			break
		}
		client = before
		if passed++; passed == maxHops || !t.Contains(client) {
			break
		}
	}
	return client.String()
}

// hops yields the sender addresses that proxies have added to the headers, nearest first. It uses Forwarded only if there is
// no X-Forwarded-For, because a proxy that appends to X-Forwarded-For may pass on the client's Forwarded unchanged. It
// copies nothing, because clients choose the length of headers.
func hops(h http.Header) iter.Seq[string] {
	lines, name := h.Values("X-Forwarded-For"), func(element string) string { return element }
	if len(lines) == 0 {
		lines, name = h.Values("Forwarded"), func(element string) string { return parameter(element, "for") }
	}
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for more := true; more; {
				comma := strings.LastIndexByte(line, ',')
				element := strings.TrimSpace(line[comma+1:])
				if element != "" && !yield(name(element)) {
					return
				}
				if more = comma >= 0; more {
					line = line[:comma]
				}
			}
		}
	}
}

// address parses an IP address with or without a port, such as [2001:db8::1]:443 or 192.0.2.7. It returns the zero address
// for any other text.
func address(text string) netip.Addr {
	text = strings.TrimSpace(text)
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap()
	}
	a, _ := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")) // a is the zero address if this fails
	return a.Unmap()
}
