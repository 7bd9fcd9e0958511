package app

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"meet/internal/metrics"
	"meet/internal/wire"
)

// openMetrics makes what answers /metrics. Everything it reads from is open by the time the first request comes.
func (a *App) openMetrics(media *wire.PacketConn) {
	a.metrics = metrics.New(Version, metrics.Sources{
		Media:   func(ctx context.Context) metrics.Media { return metrics.Media(a.rooms.Stats(ctx)) },
		Socket:  func() metrics.Socket { return socketFigures(media.Stats()) },
		Signals: func() int { return a.signal.Connections() },
		Agents:  func() metrics.Agents { return metrics.Agents(a.agents.Stats()) },
		Relays:  func() int { return a.turn.Stats().Relays },
		Webhooks: func(ctx context.Context) metrics.Webhooks {
			if a.webhooks == nil {
				return metrics.Webhooks{}
			}
			return metrics.Webhooks(a.webhooks.Stats(ctx))
		},
	})
}

func socketFigures(s wire.Stats) metrics.Socket {
	return metrics.Socket{
		PacketsIn: s.PacketsIn, BytesIn: s.BytesIn, CallsIn: s.CallsIn,
		PacketsOut: s.PacketsOut, BytesOut: s.BytesOut, CallsOut: s.CallsOut, Dropped: s.Dropped,
	}
}

// guardMetrics lets programs on this machine read the figures, and whoever has the token that is set for it. A request
// that a proxy on this machine passes on is not from this machine. Others are told nothing, not even that there is
// something.
func (a *App) guardMetrics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		given, isBearer := strings.CutPrefix(c.Request().Header.Get(echo.HeaderAuthorization), "Bearer ")
		known := a.config.MetricsToken != "" && isBearer && subtle.ConstantTimeCompare([]byte(given), []byte(a.config.MetricsToken)) == 1
		if !known && !fromHere(c.Request()) {
			return echo.ErrNotFound
		}
		return next(c)
	}
}

func fromHere(r *http.Request) bool {
	for _, name := range []string{echo.HeaderXForwardedFor, echo.HeaderXRealIP, "Forwarded", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}
