package app

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"meet/internal/fault"
	"meet/internal/proxy"
)

var errOrigin = fault.New(fault.Denied, "pages of this site may not use this server; its operator can allow them by the setting allowed_origins, or, if they are its own, have the proxy in front keep the header Host or send X-Forwarded-Host")

// guardOrigins keeps pages of other sites than the server's own and the allowed ones from using a visitor's browser to enter
// rooms. Programs send no Origin header and are not affected. It covers what gives access without a credential, and
// signalling; the services at /twirp/ and /agent need a token that only back ends have, and /direct/ws takes its own pages
// only.
func (a *App) guardOrigins(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if !isGuarded(r.URL.Path) {
			return next(c)
		}
		origins := r.Header.Values(echo.HeaderOrigin)
		c.Response().Before(func() { nameOrigin(c.Response().Header(), origins) })
		for _, origin := range origins {
			if !slices.Contains(a.config.AllowedOrigins, origin) && !proxy.SameHostOrigin(origin, r) {
				a.refusals.Do(func() {
					a.log.Warn("a page was refused: allowed_origins lacks its site, or a proxy in front changes Host and sends no X-Forwarded-Host", "origin", origin, "host", r.Host)
				})
				return errOrigin
			}
		}
		return next(c)
	}
}

func isGuarded(path string) bool {
	for _, top := range []string{"/token", "/api", "/rtc"} {
		if below, ok := strings.CutPrefix(path, top); ok && (below == "" || below[0] == '/') {
			return true
		}
	}
	return false
}

// nameOrigin replaces the * by which handlers let pages of all sites read an answer (Fetch, section 3.3.3).
func nameOrigin(h http.Header, origins []string) {
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
