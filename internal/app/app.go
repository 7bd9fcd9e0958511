package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"meet/internal/agent"
	"meet/internal/api"
	"meet/internal/assets"
	"meet/internal/config"
	"meet/internal/direct"
	"meet/internal/lobby"
	"meet/internal/metrics"
	"meet/internal/proxy"
	"meet/internal/rtc"
	"meet/internal/signal"
	"meet/internal/site"
	"meet/internal/store"
	"meet/internal/token"
	"meet/internal/turn"
	"meet/internal/webhook"
	"meet/internal/wire"
)

const (
	// closeTimeout is how long rooms and requests get to end; the store needs a moment after them, and five seconds are promised.
	closeTimeout = 3 * time.Second
	// headerTimeout is how long a client may take to say what it wants.
	headerTimeout = 10 * time.Second
	// idleTimeout is how long an unused connection is kept.
	idleTimeout = 2 * time.Minute
)

// App is a server.
type App struct {
	config   config.Config
	log      *slog.Logger
	keys     []config.Key
	tcp      *wire.ProtocolMux
	turn     *turn.Server
	http     *http.Server
	proxies  proxy.Trusted
	lobby    *lobby.Lobby
	frontend *assets.Library
	rooms    *rtc.Rooms
	webhooks *webhook.Notifier // nil when nobody is to be told
	metrics  *metrics.Metrics
	agents   *agent.Dispatcher
	direct   *direct.Hub
	signal   *signal.Handler
	store    *store.Store
	refusals rate.Sometimes // bounds lines about requests that strangers can repeat
	serving  sync.WaitGroup
	closing  atomic.Bool

	closeOnce sync.Once
	closeErr  error
	stack     []closer // what Close closes, last first
}

type closer struct {
	name  string
	close func(context.Context) error
}

// New opens everything a server needs. When it returns, clients can connect; they are answered once Run is called.
func New(ctx context.Context, cfg config.Config, log *slog.Logger) (*App, error) {
	a := &App{config: cfg, log: slog.New(newBoundLog(log.Handler())), refusals: rate.Sometimes{First: 100, Interval: time.Minute}}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	tcp, udp, err := listen(a.config.Listen)
	if err != nil {
		return err
	}
	a.proxies = a.config.TrustedProxies
	a.tcp = wire.NewProtocolMux(tcp, wire.ProtocolMuxOptions{IsProxy: a.proxies.Contains, OnRefused: func(kind string, total uint64) {
		a.log.Warn("too many connections, the newest are closed", "kind", kind, "closed_since_start", total)
	}})
	a.push("TCP socket", func(context.Context) error { return ignoreClosed(a.tcp.Close()) })
	media, err := wire.New(udp, wire.Options{})
	if err != nil {
		return errors.Join(fmt.Errorf("open media socket: %w", err), udp.Close())
	}
	a.push("media socket", func(context.Context) error { return ignoreClosed(media.Close()) })
	nodeIP, _ := netip.ParseAddr(a.config.NodeIP) // checked by config; "" gives the zero address, which is right
	if a.turn, err = turn.New(media.STUNConn(), a.tcp.TURNListener(), turn.Options{RelayAddress: nodeIP, Log: a.log}); err != nil {
		return err
	}
	a.push("TURN", func(context.Context) error { return a.turn.Close() })

	release, err := takeFolder(a.config.DataDir, a.log)
	if err != nil {
		return err
	}
	a.push("data folder", func(context.Context) error { return release() })
	if a.keys = a.config.Keys; len(a.keys) == 0 {
		if a.keys, err = config.LoadOrCreateKeys(a.config.GeneratedKeyFile()); err != nil {
			return err
		}
	}
	records, err := store.Open(ctx, store.Options{Dir: a.config.DataDir, Log: a.log})
	if err != nil {
		return err
	}
	a.store = records
	a.push("store", func(context.Context) error { records.Close(); return nil })
	a.lobby, err = lobby.New(ctx, records, lobby.Options{
		APIKey: a.keys[0].Name, APISecret: a.keys[0].Secret, ServerURL: a.config.ServerURL, Log: a.log,
		Present: a.present,
	})
	if err != nil {
		return err
	}
	a.push("lobby", func(context.Context) error { a.lobby.Close(); return nil })

	if err := a.openFrontend(); err != nil {
		return err
	}
	if err := a.openWebhooks(ctx, records); err != nil {
		return err
	}

	a.openMetrics(media)
	keys := token.Keys{}
	for _, k := range a.keys {
		keys[k.Name] = k.Secret
	}
	a.agents = agent.New(keys, agent.Options{
		Log: a.log, ServerInfo: serverInfo(),
		Remove: func(ctx context.Context, room, identity string) error {
			return a.rooms.Remove(ctx, room, identity, time.Time{})
		},
	})
	a.push("agents", func(context.Context) error { a.agents.Close(); return nil })
	a.direct = direct.New(direct.Options{
		Log: a.log, Debug: a.config.Dev, Host: a.config.NodeIP, Port: int(a.Addr().Port()), NewRoom: lobby.NewCode,
		TURNCredentials: func(session string) (string, string) {
			c := a.turn.Credentials(session)
			return c.Username, c.Password
		},
	})
	a.push("direct calls", func(context.Context) error { a.direct.Close(); return nil })
	e := a.newHTTP()
	mux := wire.NewUDPMux(media)
	mux.SetTCPMux(a.tcp.TCPMux())
	a.rooms, err = rtc.New(mux, rtc.Options{
		Log: a.log, NodeIP: nodeIP, TCP: a.tcp.TCPMux(), OnEvent: a.onEvent, RefreshToken: a.refreshToken, ServerInfo: serverInfo(),
		SubscriptionLimitVideo: a.config.SubscriptionLimitVideo, SubscriptionLimitAudio: a.config.SubscriptionLimitAudio,
	})
	if err != nil {
		return fmt.Errorf("open rooms: %w", err)
	}
	a.push("rooms", a.rooms.Close)
	a.mount(e, keys)
	return nil
}

func (a *App) openWebhooks(ctx context.Context, records *store.Store) (err error) {
	if len(a.config.WebhookURLs) == 0 {
		return nil
	}
	var endpoints []webhook.Endpoint
	for i, url := range a.config.WebhookURLs {
		key := a.config.WebhookKey(i, a.keys)
		endpoints = append(endpoints, webhook.Endpoint{URL: url, Key: key.Name, Secret: key.Secret})
	}
	a.webhooks, err = webhook.New(ctx, records, endpoints, webhook.Options{Log: a.log, AllowPrivate: a.config.WebhookPrivate})
	if err != nil {
		return fmt.Errorf("open webhooks: %w", err)
	}
	a.push("webhooks", a.webhooks.Close)
	return nil
}

// newHTTP makes the HTTP server. Closing it first ends the event streams, which would otherwise keep it from closing.
func (a *App) newHTTP() *echo.Echo {
	e := echo.New()
	base, endStreams := context.WithCancel(context.Background())
	a.http = &http.Server{
		Handler:           bodyDeadlines{under(a.config.BasePath, e), bodyTimeout, drainTimeout},
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug), // strangers' broken connections
	}
	a.push("HTTP server", func(ctx context.Context) error {
		endStreams()
		if err := a.http.Shutdown(ctx); err != nil {
			return errors.Join(err, a.http.Close())
		}
		return nil
	})
	return e
}

func (a *App) mount(e *echo.Echo, keys token.Keys) {
	e.Pre(echo.WrapMiddleware(a.proxies.Handler), meetClients, a.explainUpgrade)
	if len(a.config.AllowedOrigins) > 0 {
		e.Pre(a.guardOrigins)
	}
	verifier := token.NewVerifier(keys)
	a.signal = signal.New(a.rooms, verifier, a.log)
	signalling := echo.WrapHandler(a.signal)
	e.Any("/rtc", signalling)
	e.Any("/rtc/*", signalling)
	e.Any(api.Prefix+"*", echo.WrapHandler(api.New(a.rooms, a.agents, verifier, api.Options{Log: a.log, RemoteUnmute: a.config.RemoteUnmute})))
	e.GET("/agent", echo.WrapHandler(agent.NewHandler(a.agents, verifier)))
	e.GET("/direct/ws", echo.WrapHandler(a.direct))
	e.GET("/direct/ice-servers", echo.WrapHandler(http.HandlerFunc(a.direct.ServeICEServers)))
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", a.ready)
	e.GET("/metrics", echo.WrapHandler(a.metrics.Handler()), a.guardMetrics)
	pages := site.Options{BasePath: a.config.BasePath, ServerURLs: a.config.ServerURLs(), Log: a.log}
	if a.config.DirectRooms {
		pages.STUN = a.direct.STUNURL
	}
	site.New(a.lobby, a.frontend, pages).Routes(e)
}

// readyTimeout is how long the store may take to answer.
const readyTimeout = 2 * time.Second

// ready tells load balancers to send nobody here while the rooms end, or while records cannot be kept. The sockets are
// open: New saw to that.
func (a *App) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTimeout)
	defer cancel()
	switch {
	case a.closing.Load():
		return c.String(http.StatusServiceUnavailable, "closing\n")
	case a.store.Ping(ctx) != nil:
		return c.String(http.StatusServiceUnavailable, "the store does not answer\n")
	}
	return c.String(http.StatusOK, "ok\n")
}

// Addr is what the server listens on, TCP and UDP, with the true port.
func (a *App) Addr() netip.AddrPort { return a.tcp.HTTPListener().Addr().(*net.TCPAddr).AddrPort() }

// Run serves until ctx ends, which is no error, or until serving fails. It does not close the app.
func (a *App) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	a.serving.Go(func() { failed <- a.http.Serve(a.tcp.HTTPListener()) }) // ends when Close closes the server or its socket
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("serve HTTP: %w", err)
	}
}

// Close ends the rooms, telling everybody in them, and then every part in reverse order of opening. Whatever fails,
// the rest is still closed.
func (a *App) Close() error {
	a.closeOnce.Do(func() {
		a.closing.Store(true)
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		var errs []error
		for _, c := range slices.Backward(a.stack) {
			if err := c.close(ctx); err != nil {
				errs = append(errs, fmt.Errorf("close %s: %w", c.name, err))
			}
		}
		a.serving.Wait()
		a.closeErr = errors.Join(errs...)
	})
	return a.closeErr
}

func (a *App) push(name string, f func(context.Context) error) {
	a.stack = append(a.stack, closer{name, f})
}

// ignoreClosed is for sockets that the part using them has closed already.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
