package app

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// meetClients does what LiveKit's clients need of every page (livekit-protocol.md, 1.1): they append their paths to an
// address that may end with a slash, and browsers ask from any site whether the server can be reached at all.
func meetClients(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		url := c.Request().URL
		if strings.HasPrefix(url.Path, "//") {
			url.Path = "/" + strings.TrimLeft(url.Path, "/")
			url.RawPath = ""
		}
		if c.Request().Method == http.MethodHead && url.Path == "/" {
			c.Response().Header().Set(echo.HeaderAccessControlAllowOrigin, "*")
		}
		return next(c)
	}
}
