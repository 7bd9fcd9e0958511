package proxy

import (
	"context"
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

type clientKey struct{}

// Handler decides for each request who sent it, for ClientIP.
func (t Trusted) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), clientKey{}, t.clientIP(r))))
	})
}

// ClientIP is the address of who sent r, as Handler decided it; without a Handler, as if no proxies were named.
func ClientIP(r *http.Request) string {
	if ip, ok := r.Context().Value(clientKey{}).(string); ok {
		return ip
	}
	return Trusted(nil).clientIP(r)
}

// clientIP follows the addresses back from the peer, for as long as a trusted proxy names the next one. X-Forwarded-For
// comes before Forwarded: a proxy that appends to the one may pass on the other as a client wrote it.
func (t Trusted) clientIP(r *http.Request) string {
	client := address(r.RemoteAddr)
	hops := split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ',')
	if len(hops) == 0 {
		for _, element := range forwarded(r.Header) {
			hops = append(hops, element["for"])
		}
	}
	for _, hop := range slices.Backward(hops) {
		before := address(hop)
		if !before.IsValid() || !t.Contains(client) {
			break
		}
		client = before
	}
	if !client.IsValid() {
		return r.RemoteAddr
	}
	return client.String()
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
