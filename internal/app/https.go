package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/websocket"

	"meet/internal/certs"
	"meet/internal/proxy"
)

const (
	// maxHeaderBytes bounds the headers of a request, which contain its URL. A token, and a join request in the URL of
	// /rtc/v1, may contain metadata of 512 KiB.
	maxHeaderBytes = 1 << 20
	// maxRedirectHeaderBytes bounds the headers of a request to the port for plain HTTP. Browsers send a few kilobytes.
	maxRedirectHeaderBytes = 64 << 10
	// hstsValue is the Strict-Transport-Security header: browsers use only https for this host for a year (RFC 6797).
	hstsValue = "max-age=31536000"
)

// http2Config bounds what an HTTP/2 connection costs. A page needs a few dozen streams at the same time. A client that sends
// no complete frame, and does not respond to a ping, is disconnected.
var http2Config = &http.HTTP2Config{
	MaxConcurrentStreams: 100, MaxReceiveBufferPerConnection: 1 << 20, MaxReceiveBufferPerStream: 256 << 10,
	SendPingTimeout: headerTimeout, PingTimeout: headerTimeout,
}

// alpnProtocols are the protocols that TLS connections may negotiate (RFC 7301), besides those of ACME: HTTP, and STUN and
// TURN (RFC 7443).
var alpnProtocols = []string{"h2", "http/1.1", "stun.turn", "stun.nat-discovery"}

// plainPaths are the paths that are served without TLS: health checks, and the page that explains how to trust the
// certificate authority of this server, with its scripts and styles.
var plainPaths = []string{"/healthz", "/readyz", "/trust", "/static"}

// tlsConfig returns the configuration of TLS connections, or nil if the server has no certificates.
func (a *App) tlsConfig() *tls.Config {
	if a.certificates == nil {
		return nil
	}
	protocols := slices.Clone(alpnProtocols)
	if acme, ok := a.certificates.(*certs.ACME); ok {
		protocols = append(protocols, acme.NextProtos()...)
	}
	return &tls.Config{GetCertificate: a.certificates.GetCertificate, NextProtos: protocols, MinVersion: tls.VersionTLS12}
}

// requireHTTPS wraps site so that requests without TLS are redirected to https. Exceptions are plainPaths, requests to
// localhost, which browsers consider secure, calls of programs on this machine, and requests that a proxy received by https.
// If port is not 0, the redirect is to that port, otherwise to the port in the Host header. Without certificates,
// requireHTTPS returns site.
func (a *App) requireHTTPS(site http.Handler, port uint16) http.Handler {
	if a.certificates == nil {
		return site
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.TLS != nil:
			if a.wantsHSTS() {
				w.Header().Set("Strict-Transport-Security", hstsValue)
			}
		case proxy.HTTPS(r) || isLoopbackHost(r.Host) || isLocalCall(r) || isPlainPath(strings.TrimPrefix(r.URL.Path, a.config.BasePath)):
		case !proxy.ValidHost(r.Host):
			http.Error(w, "this server needs https", http.StatusBadRequest)
			return
		default:
			target := url.URL{Scheme: "https", Host: a.httpsHost(r.Host, port), Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
			http.Redirect(w, r, target.String(), http.StatusPermanentRedirect)
			return
		}
		site.ServeHTTP(w, r)
	})
}

// isLocalCall reports whether a program on this machine, such as meet backup, calls an API of this server directly: the
// connection has the same address at both ends, no proxy has passed the request on, and browsers load no pages in this way.
func isLocalCall(r *http.Request) bool {
	if proxy.Forwarded(r) || r.Method != http.MethodPost && !websocket.IsWebSocketUpgrade(r) {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return ok && err == nil && peer.Addr().Unmap() == local.AddrPort().Addr().Unmap()
}

// isPlainPath reports whether path is one of plainPaths or below one.
func isPlainPath(path string) bool {
	return slices.ContainsFunc(plainPaths, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
}

// httpsHost returns the host, with its port unless that is 443, to which a request with the given Host header is redirected.
// It is the domain if there is one. See requireHTTPS for port.
func (a *App) httpsHost(header string, port uint16) string {
	u := url.URL{Host: header}
	host, number := u.Hostname(), u.Port()
	if a.config.Domain != "" {
		host = a.config.Domain
	}
	if port != 0 {
		number = strconv.Itoa(int(port))
	}
	if number == "" || number == "443" {
		return strings.TrimSuffix(net.JoinHostPort(host, ""), ":")
	}
	return net.JoinHostPort(host, number)
}

// redirect is the server on the port for plain HTTP.
type redirect struct {
	listener net.Listener
	server   *http.Server
}

// openRedirect opens the port for plain HTTP, which redirects to https and answers ACME challenges. If it cannot be opened,
// the server runs without it. Requests are answered once serveRedirect is called.
func (a *App) openRedirect(site http.Handler) {
	if a.config.HTTPListen == "" {
		return
	}
	listener, err := net.Listen("tcp", a.config.HTTPListen)
	if err != nil {
		a.log.Warn("cannot open the port for plain http, so http is not redirected to https: stop the program that uses this port, give this user the right to open it, or set http_listen to off",
			"address", a.config.HTTPListen, "err", err)
		return
	}
	a.redirectPort = listener.Addr().(*net.TCPAddr).Port
	handler := a.proxies.Handler(a.requireHTTPS(site, a.Addr().Port()))
	if acme, ok := a.certificates.(*certs.ACME); ok {
		handler = acme.HTTPHandler(handler)
	}
	server := &http.Server{
		Handler: withSecureHeaders(handler), ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: bodyTimeout, IdleTimeout: headerTimeout,
		MaxHeaderBytes: maxRedirectHeaderBytes, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	a.redirect = &redirect{newCountedListener(listener, maxRedirectConns, maxRedirectConnsPerAddress), server}
	a.push("http redirect", func(context.Context) error {
		return errors.Join(server.Close(), ignoreClosed(listener.Close())) // the server knows the listener only if it serves
	})
}

// serveRedirect starts to answer requests on the port for plain HTTP, if it is open. All routes must be mounted.
func (a *App) serveRedirect() {
	if a.redirect == nil {
		return
	}
	a.goroutines.Go(func() { // ends when Close closes the server
		err := a.redirect.server.Serve(a.redirect.listener)
		if !errors.Is(err, http.ErrServerClosed) && !a.closing.Load() {
			a.log.Error("plain http is no longer redirected to https", "err", err)
		}
	})
}
