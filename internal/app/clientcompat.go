package app

import (
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
)

// meetClients does what LiveKit's clients need of every page (docs/protocol.md, 1.1): they append their paths to an
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

// explainUpgrade answers a request for a WebSocket whose hop-by-hop headers a proxy has not passed on (RFC 9110, section
// 7.6.1). Its own, such as Sec-WebSocket-Key, arrive. Browsers show pages nothing of the answer, so it is logged.
func (a *App) explainUpgrade(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.Header.Get("Sec-Websocket-Key") == "" || websocket.IsWebSocketUpgrade(r) {
			return next(c)
		}
		a.refusals.Do(func() {
			a.log.Warn("a WebSocket was refused: a proxy in front does not pass on the headers Upgrade and Connection", "host", r.Host, "peer", r.RemoteAddr)
		})
		c.Response().Header().Set(echo.HeaderUpgrade, "websocket")
		return c.String(http.StatusUpgradeRequired, "a proxy in front of this server has to pass on the headers Upgrade and Connection\n")
	}
}
