package proxy

import (
	"context"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Trusted are the networks of reverse proxies whose word about a client's address is taken. None means all addresses that
// are not public: loopback, private and link-local ones.
type Trusted []netip.Prefix

// Contains reports whether a is the address of such a proxy.
func (t Trusted) Contains(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if len(t) == 0 {
		return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
	}
	return slices.ContainsFunc(t, func(p netip.Prefix) bool { return p.Contains(a) })
}

// maxHops bounds how many proxies in a row are believed.
const maxHops = 32

type clientKey struct{}

// Handler determines for each request which client sent it, for ClientIP.
func (t Trusted) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), clientKey{}, t.clientIP(r))))
	})
}

// ClientIP returns the address of the client that sent r, as Handler determined it; without a Handler, with the default
// networks trusted.
func ClientIP(r *http.Request) string {
	if ip, ok := r.Context().Value(clientKey{}).(string); ok {
		return ip
	}
	return Trusted(nil).clientIP(r)
}

// clientIP follows the addresses back from the peer, for as long as a trusted proxy names the next one.
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

// hops yields the senders that the proxies of a request name, the nearest first. X-Forwarded-For comes before Forwarded: a
// proxy that appends to one of them may pass on the other as the client wrote it. Nothing is copied, since clients choose
// how long headers are.
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

// address reads an IP address, with or without a port: [2001:db8::1]:443 and 192.0.2.7 alike. It is the zero address for
// any other text.
func address(text string) netip.Addr {
	text = strings.TrimSpace(text)
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap()
	}
	a, _ := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")) // the zero address is right
	return a.Unmap()
}
