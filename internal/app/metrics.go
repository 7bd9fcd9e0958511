package app

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"meet/internal/metrics"
	"meet/internal/proxy"
	"meet/internal/token"
	"meet/internal/wire"
)

// openMetrics creates the metrics. The sources are read on each request, so some of them may be opened later.
func (a *App) openMetrics(media *wire.PacketConn) {
	if !a.Addr().Addr().IsLoopback() && a.config.MetricsToken == "" {
		a.log.Info("metrics are off: other machines can reach this server, and no metrics_token is set")
	}
	a.metrics = metrics.New(Version, metrics.Sources{
		Media:             func(ctx context.Context) metrics.Media { return metrics.Media(a.rooms.Stats(ctx)) },
		Socket:            func() metrics.Socket { return socketMetrics(media.Stats()) },
		SignalConnections: func() int { return a.signal.Connections() },
		Agents:            func() metrics.Agents { return metrics.Agents(a.agents.Stats()) },
		Relays:            a.relayMetrics,
		Webhooks: func(ctx context.Context) metrics.Webhooks {
			if a.webhooks == nil {
				return metrics.Webhooks{}
			}
			return metrics.Webhooks(a.webhooks.Stats(ctx))
		},
	})
}

// socketMetrics converts the statistics of the media socket.
func socketMetrics(s wire.Stats) metrics.Socket {
	return metrics.Socket{
		PacketsIn: s.PacketsIn, BytesIn: s.BytesIn, CallsIn: s.CallsIn,
		PacketsOut: s.PacketsOut, BytesOut: s.BytesOut, CallsOut: s.CallsOut, Dropped: s.Dropped,
	}
}

// guardMetrics allows requests that have the metrics token. If the server listens on loopback only, it also allows
// requests of programs on this machine. Other requests are answered with 404, and count as failed authentications.
func (a *App) guardMetrics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := a.failures.Check(c.RealIP()); err != nil {
			return err
		}
		given, err := token.FromBearer(c.Request().Header.Get(echo.HeaderAuthorization))
		known := a.config.MetricsToken != "" && err == nil && subtle.ConstantTimeCompare([]byte(given), []byte(a.config.MetricsToken)) == 1
		if !known && (!a.Addr().Addr().IsLoopback() || !isLocal(c.Request())) {
			_ = a.failures.Allow(c.RealIP()) // counts
			return echo.ErrNotFound
		}
		return next(c)
	}
}

// isLocal reports whether a program on this machine sent a request to this machine. A loopback peer address alone does
// not prove this. The request may come from a proxy on this machine, or from a browser on this machine that shows a
// page whose name resolves to loopback (DNS rebinding). In both cases the Host header contains the name by which the
// outsider addressed the server. Some proxies replace this header, but most of them add a forwarding header or use
// HTTP/1.0, as nginx does by default.
func isLocal(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && !proxy.Forwarded(r) && peer.Addr().Unmap().IsLoopback() && isLoopbackHost(r.Host) && r.ProtoAtLeast(1, 1)
}

// isLoopbackHost reports whether a Host header, with or without a port, is localhost or a loopback address.
func isLoopbackHost(header string) bool {
	name := (&url.URL{Host: header}).Hostname()
	ip, err := netip.ParseAddr(name)
	return strings.EqualFold(name, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
