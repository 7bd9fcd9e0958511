package site

import (
	"crypto/rand"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"meet/internal/proxy"
)

// secure is middleware that sets the security headers of pages, and a nonce for the page's scripts. The server sets those of
// all its responses.
func (s *Site) secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		nonce := rand.Text()
		r := c.Request()
		c.SetRequest(r.WithContext(templ.WithNonce(r.Context(), nonce)))
		h := c.Response().Header()
		h.Set("Content-Security-Policy", s.policy(nonce, proxy.Host(r), ""))
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), "+
			"autoplay=(self), fullscreen=(self), picture-in-picture=(self), screen-wake-lock=(self), geolocation=(), payment=(), usb=()")
		return next(c)
	}
}

// policy returns a content security policy. It allows a page to load from and connect to this server, the configured
// signalling servers, and the sources in connects. It contains the host because older Safari does not match WebSockets
// with 'self'.
func (s *Site) policy(nonce, host, connects string) string {
	sockets := ""
	if proxy.ValidHost(host) {
		sockets = " ws://" + host + " wss://" + host
	}
	return "default-src 'none'; script-src 'self' 'nonce-" + nonce + "'; style-src 'self' 'nonce-" + nonce + "'; " +
		"img-src 'self' data: blob:; font-src 'self'; connect-src 'self'" + sockets + s.connectSources + connects + "; " +
		"media-src 'self' blob: mediastream:; worker-src 'self' blob:; manifest-src 'self'; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}
