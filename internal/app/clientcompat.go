package app

import (
	"net/http"
	"strings"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
)

// allowClientProbes supports two habits of LiveKit's clients (docs/protocol.md, 1.1). They append paths to an address
// that may end with a slash, so a request's path may begin with several slashes. In browsers they send HEAD / from any
// site, to check whether the server is reachable.
func allowClientProbes(next echo.HandlerFunc) echo.HandlerFunc {
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

// explainUpgrade answers WebSocket requests from which a proxy has removed the hop-by-hop headers (RFC 9110, section
// 7.6.1). It recognizes them by the header Sec-WebSocket-Key, which is end-to-end. It also logs the error, because the
// response to a failed WebSocket is not visible to pages.
func (a *App) explainUpgrade(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.Header.Get("Sec-Websocket-Key") == "" || websocket.IsWebSocketUpgrade(r) {
			return next(c)
		}
		a.refusalLog.Do(func() {
			a.log.Warn("a WebSocket was refused: the proxy in front must pass on the headers Upgrade and Connection", "host", r.Host, "peer", r.RemoteAddr)
		})
		c.Response().Header().Set(echo.HeaderUpgrade, "websocket")
		return c.String(http.StatusUpgradeRequired, "the proxy in front of this server must pass on the headers Upgrade and Connection\n")
	}
}
