package app

import (
	"cmp"
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
	"meet/internal/backup"
	"meet/internal/certs"
	"meet/internal/config"
	"meet/internal/direct"
	"meet/internal/lobby"
	"meet/internal/metrics"
	"meet/internal/proxy"
	"meet/internal/publicip"
	"meet/internal/ratelimit"
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
	// closeTimeout is how long rooms and requests may take to end. The store needs some time after them, and the whole
	// shutdown should take at most five seconds.
	closeTimeout = 3 * time.Second
	// headerTimeout is how long a client may take to send the headers of a request.
	headerTimeout = 10 * time.Second
	// idleTimeout is how long an idle HTTP connection is kept open.
	idleTimeout = 2 * time.Minute
)

// App is a whole server.
type App struct {
	config       config.Config
	log          *slog.Logger
	keys         []config.Key
	certificates certs.Source // nil if the server has none
	trust        trustCache   // of the certificate from files
	redirect     *redirect    // nil if the port for plain HTTP is not open
	redirectPort int          // TCP port for plain HTTP; 0 if it is not open
	tcp          *wire.ProtocolMux
	turn         *turn.Server
	public       func() []netip.Addr // addresses offered for media besides those of this machine
	own          ownAddresses
	http         *http.Server
	router       *echo.Echo // of http
	proxies      proxy.Trusted
	lobby        *lobby.Lobby
	frontend     *assets.Library
	rooms        *rtc.Rooms
	webhooks     *webhook.Notifier // nil if no webhooks are configured
	metrics      *metrics.Metrics
	agents       *agent.Dispatcher
	direct       *direct.Hub
	signal       *signal.Handler
	store        *store.Store
	failures     *ratelimit.Limiter // failed authentications
	bodyBytes    *ratelimit.Counter // bytes of request bodies in memory
	refusalLog   rate.Sometimes     // bounds log lines about refused requests, which clients can repeat
	goroutines   sync.WaitGroup
	closing      atomic.Bool

	closeOnce sync.Once
	closeErr  error
	closers   []closer // parts that Close closes, in reverse order
}

// closer is a part that Close must close.
type closer struct {
	name  string
	close func(context.Context) error
}

// New opens everything that a server needs. Clients can connect when it returns; their requests are answered once Run is
// called. If it fails, it closes what it has opened.
func New(ctx context.Context, cfg config.Config, log *slog.Logger) (*App, error) {
	a := &App{
		config: cfg, log: slog.New(newLogLimiter(log.Handler())),
		failures:   ratelimit.NewLimiter(failuresPerAddress, ratelimit.Rate{}),
		bodyBytes:  newBodyBytes(),
		refusalLog: rate.Sometimes{First: 100, Interval: time.Minute},
	}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// open builds all parts in order. It stops at the first error. The parts built so far are then closed by Close.
func (a *App) open(ctx context.Context) error {
	tcp, udp, err := listen(a.config.Listen)
	if err != nil {
		return err
	}
	a.push("TCP socket", func(context.Context) error { return ignoreClosed(tcp.Close()) })
	a.push("UDP socket", func(context.Context) error { return ignoreClosed(udp.Close()) })
	release, err := lockDataFolder(a.config.DataDir, a.log)
	if err != nil {
		return err
	}
	a.push("data folder", func(context.Context) error { return release() })
	if err := backup.CheckComplete(a.config.DataDir); err != nil {
		return err
	}
	if err := a.openCertificates(ctx); err != nil {
		return err
	}
	a.proxies = a.config.TrustedProxies
	a.tcp = wire.NewProtocolMux(tcp, wire.ProtocolMuxOptions{TLS: a.tlsConfig(), IsProxy: a.proxies.Contains, OnRefused: func(kind string, total uint64) {
		a.log.Warn("too many connections, the newest are closed", "kind", kind, "closed_since_start", total)
	}})
	a.push("TCP connections", func(context.Context) error { return ignoreClosed(a.tcp.Close()) })
	media, err := wire.New(udp, wire.Options{Relays: a.relays()})
	if err != nil {
		return fmt.Errorf("open media socket: %w", err)
	}
	a.push("media", func(context.Context) error { return ignoreClosed(media.Close()) })
	nodeIP, _ := netip.ParseAddr(a.config.NodeIP) // validated by config; "" gives the zero address, which means none
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
		Log: a.log, Debug: a.config.Dev, Host: cmp.Or(a.config.Domain, a.config.NodeIP), Port: int(a.Addr().Port()), NewRoom: lobby.NewCode,
		TURN: a.directTURN,
	})
	a.push("direct calls", func(context.Context) error { a.direct.Close(); return nil })
	a.newHTTP()
	a.public = a.publicAddresses(nodeIP)
	mux := wire.NewUDPMux(media)
	mux.SetTCPMux(a.tcp.TCPMux())
	a.rooms, err = rtc.New(mux, rtc.Options{
		Log: a.log, Public: a.public, TCP: a.tcp.TCPMux(), ICEServers: a.iceServers, OnEvent: a.onEvent, RefreshToken: a.refreshToken, ServerInfo: serverInfo(),
		SubscriptionLimitVideo: a.config.SubscriptionLimitVideo, SubscriptionLimitAudio: a.config.SubscriptionLimitAudio,
	})
	if err != nil {
		return fmt.Errorf("open rooms: %w", err)
	}
	if err := a.openTURN(media, mux, nodeIP); err != nil {
		return errors.Join(err, a.rooms.Close(ctx))
	}
	a.push("rooms", a.rooms.Close) // closed before TURN, because relays carry the end of their participants' connections
	a.mount(keys)
	return nil
}

// publicAddresses returns the function by which rooms read the addresses to offer besides those of this machine. If nodeIP is
// valid, it is the only one. Otherwise a watcher finds the addresses by the STUN server and the domain, if they are set.
func (a *App) publicAddresses(nodeIP netip.Addr) func() []netip.Addr {
	if nodeIP.IsValid() {
		return func() []netip.Addr { return []netip.Addr{nodeIP} }
	}
	w := publicip.Watch(publicip.Options{STUNServer: a.config.STUNServer, Domain: a.config.Domain, Log: a.log})
	a.push("public addresses", func(context.Context) error { w.Close(); return nil })
	return w.Addresses
}

// openWebhooks starts sending webhooks, if any are configured.
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

// newHTTP creates the HTTP server and its router. When the server is closed, it ends all event streams first,
// because they would delay the shutdown.
func (a *App) newHTTP() {
	a.router = echo.New()
	base, endStreams := context.WithCancel(context.Background())
	handler := writeDeadlines{bodyDeadlines{withBasePath(a.config.BasePath, a.router), bodyTimeout, drainTimeout}, streamWriteTimeout}
	a.http = &http.Server{
		Handler:           withSecureHeaders(a.proxies.Handler(a.requireHTTPS(handler, 0))),
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		IdleTimeout:       idleTimeout,
		HTTP2:             http2Config,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug), // mostly broken connections of clients
	}
	a.push("HTTP server", func(ctx context.Context) error {
		endStreams()
		if err := a.http.Shutdown(ctx); err != nil {
			return errors.Join(err, a.http.Close())
		}
		return nil
	})
	a.openRedirect(handler)
}

// mount adds all routes and middleware to the router.
func (a *App) mount(keys token.Keys) {
	e := a.router
	e.Pre(allowClientProbes, a.explainUpgrade, a.limitBodyBytes)
	if len(a.config.AllowedOrigins) > 0 {
		e.Pre(a.guardOrigins)
	}
	verifier := token.NewVerifier(keys)
	a.signal = signal.New(a.rooms, verifier, a.log)
	signalling, joins := echo.WrapHandler(a.signal), limitJoins()
	e.Any("/rtc", signalling, joins, a.limitFailures)
	e.Any("/rtc/*", signalling, joins, a.limitFailures)
	e.Any(api.Prefix+"*", echo.WrapHandler(api.New(a.rooms, a.agents, verifier, api.Options{Log: a.log, RemoteUnmute: a.config.RemoteUnmute})), a.limitFailures)
	e.GET("/agent", echo.WrapHandler(agent.NewHandler(a.agents, verifier)), a.limitFailures)
	e.GET("/direct/ws", echo.WrapHandler(a.direct))
	e.GET("/direct/ice-servers", echo.WrapHandler(http.HandlerFunc(a.direct.ServeICEServers)))
	e.POST("/api/backup", (&backupHandler{app: a, verifier: verifier}).serve, a.limitFailures)
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", a.ready)
	e.GET("/metrics", echo.WrapHandler(a.metrics.Handler()), a.guardMetrics)
	pages := site.Options{BasePath: a.config.BasePath, ServerURLs: a.config.ServerURLs(), InviteOrigin: a.inviteOrigin, Log: a.log}
	if lan, ok := a.certificates.(*certs.LAN); ok {
		root := lan.Root()
		pages.Authority = &site.Authority{Name: root.Certificate.Subject.CommonName, DER: root.DER(), PEM: root.PEM(), Fingerprint: root.Fingerprint()}
		pages.HTTPSOrigin = a.httpsOrigin
	}
	if a.config.DirectRooms {
		pages.STUN = a.direct.STUNURL
	}
	site.New(a.lobby, a.frontend, pages).Routes(e)
}

// readyTimeout is how long the store may take to respond to a readiness check.
const readyTimeout = 2 * time.Second

// ready answers readiness checks. It answers 503 while the server is shutting down or the store does not respond, so
// that load balancers send no clients here. It need not check the sockets, because New has opened them.
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

// Addr returns the address of the TCP and UDP sockets, with the actual port.
func (a *App) Addr() netip.AddrPort { return a.tcp.HTTPListener().Addr().(*net.TCPAddr).AddrPort() }

// Run serves until ctx ends or serving fails. It returns nil if ctx has ended. It does not close the app.
func (a *App) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	a.goroutines.Go(func() { failed <- a.http.Serve(a.tcp.HTTPListener()) }) // ends when Close closes the server or its socket
	a.serveRedirect()
	a.startACME()
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

// Close ends the rooms, which notifies their participants, and then closes all parts in reverse order of opening. If a
// part fails to close, the others are still closed, and all errors are returned.
func (a *App) Close() error {
	a.closeOnce.Do(func() {
		a.closing.Store(true)
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		var errs []error
		for _, c := range slices.Backward(a.closers) {
			if err := c.close(ctx); err != nil {
				errs = append(errs, fmt.Errorf("close %s: %w", c.name, err))
			}
		}
		a.goroutines.Wait()
		a.closeErr = errors.Join(errs...)
	})
	return a.closeErr
}

// push registers a function that Close calls. name appears in its error.
func (a *App) push(name string, f func(context.Context) error) {
	a.closers = append(a.closers, closer{name, f})
}

// ignoreClosed drops the error of closing a socket that its user has already closed.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
