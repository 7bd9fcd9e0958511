package app

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"meet/internal/fault"
	"meet/internal/proxy"
)

// errOriginRefused is the error for requests of pages on other sites.
var errOriginRefused = fault.New(fault.Denied, "pages of this site may not use this server; its operator can allow them with the setting allowed_origins or, if they are the server's own pages, let the proxy in front keep the header Host or send X-Forwarded-Host")

// guardOrigins refuses requests of pages on other sites, unless the setting allowed_origins contains the site. Such
// pages could use a visitor's browser to enter rooms. Programs send no Origin header and are not affected. The check
// covers signalling and routes that need no credential. Requests to /twirp/ and /agent need a token that only back ends
// have, and /direct/ws accepts only the server's own pages.
func (a *App) guardOrigins(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if !isGuarded(r.URL.Path) {
			return next(c)
		}
		origins := r.Header.Values(echo.HeaderOrigin)
		c.Response().Before(func() { setAllowOrigin(c.Response().Header(), origins) })
		for _, origin := range origins {
			if !slices.Contains(a.config.AllowedOrigins, origin) && !proxy.SameHostOrigin(origin, r) {
				a.refusalLog.Do(func() {
					a.log.Warn("a page was refused: its site is not in allowed_origins, or the proxy in front changes Host and sends no X-Forwarded-Host", "origin", origin, "host", r.Host)
				})
				return errOriginRefused
			}
		}
		return next(c)
	}
}

// isGuarded reports whether guardOrigins applies to a path.
func isGuarded(path string) bool {
	for _, top := range []string{"/token", "/api", "/rtc"} {
		if below, ok := strings.CutPrefix(path, top); ok && (below == "" || below[0] == '/') {
			return true
		}
	}
	return false
}

// setAllowOrigin replaces the * that handlers put into Access-Control-Allow-Origin by the request's origin (Fetch,
// section 3.3.3). It removes the header if the request has no origin or several. It also declares in Vary that responses
// depend on Origin.
func setAllowOrigin(h http.Header, origins []string) {
	if !slices.Contains(h.Values(echo.HeaderVary), echo.HeaderOrigin) {
		h.Add(echo.HeaderVary, echo.HeaderOrigin)
	}
	switch {
	case h.Get(echo.HeaderAccessControlAllowOrigin) == "":
	case len(origins) == 1:
		h.Set(echo.HeaderAccessControlAllowOrigin, origins[0])
	default:
		h.Del(echo.HeaderAccessControlAllowOrigin)
	}
}
