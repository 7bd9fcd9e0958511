package site

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"meet/internal/assets"
	"meet/internal/lobby"
	"meet/internal/proxy"
	"meet/internal/ratelimit"
)

const (
	bodyLimit   = "64K" // far more than any form or JSON of a page
	bodyTimeout = 10 * time.Second
)

// Limits on the requests of one address and of all. Hundreds of students behind one router may arrive at the same time.
// Look-ups are the requests for pages and lists, with which a client could search for rooms.
var (
	tokensPerAddress, tokensInTotal   = ratelimit.Rate{Burst: 600, PerSecond: 20}, ratelimit.Rate{Burst: 6000, PerSecond: 200}
	lookUpsPerAddress, lookUpsInTotal = ratelimit.Rate{Burst: 1200, PerSecond: 50}, ratelimit.Rate{Burst: 20000, PerSecond: 2000}
)

// Builds provides builds of the front end.
type Builds interface {
	Current() *assets.Build                  // the build that pages use
	BuildWithFile(file string) *assets.Build // the newest build that has the file, or nil
}

// Options configures a site.
type Options struct {
	BasePath   string   // path below which the site is served, such as "/meet", or ""
	ServerURLs []string // other servers that pages may connect to for signalling
	// STUN returns the address of a STUN server for the browser that sent the request. With it, two participants that
	// are alone in a room can connect to each other directly. STUN is nil if direct connections are disabled.
	STUN func(*http.Request) string
	// Authority is the certificate authority that devices must trust, or nil if the server has none.
	Authority *Authority
	// HTTPSOrigin returns the origin of this server over https for the browser that sent the request, such as
	// "https://192.0.2.7:8080", or "" if the request has no valid host. It is needed only with Authority.
	HTTPSOrigin func(*http.Request) string
	// InviteOrigin returns the origin for links that are sent to others, or "" if that is the origin of the request, so that
	// others can reach it. If it is nil, it is always the origin of the request.
	InviteOrigin func(*http.Request) string
	Log          *slog.Logger
}

// Site serves pages and JSON.
type Site struct {
	lobby          *lobby.Lobby
	builds         Builds
	base           string
	stun           func(*http.Request) string // nil if direct connections are disabled
	log            *slog.Logger
	authority      *Authority // nil if the server has none
	httpsOrigin    func(*http.Request) string
	inviteOrigin   func(*http.Request) string
	connectSources string // sources besides this server that pages may connect to
	snapshots      *snapshots
	streams        *ratelimit.Counter // open event streams
	refusals       refusalCounter
}

// New returns a site for a lobby and builds of the front end.
func New(l *lobby.Lobby, b Builds, o Options) *Site {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Site{
		lobby: l, builds: b, base: o.BasePath, stun: o.STUN, log: o.Log, connectSources: connectSources(o.ServerURLs),
		authority: o.Authority, httpsOrigin: o.HTTPSOrigin, inviteOrigin: o.InviteOrigin,
		streams: ratelimit.NewCounter(ratelimit.Bounds{
			Total: maxStreams, PerClient: maxStreamsPerNetwork, ErrTotal: errTooManyStreams, ErrPerClient: errTooManyStreamsFromNetwork,
		}),
	}
	if s.inviteOrigin == nil {
		s.inviteOrigin = func(*http.Request) string { return "" }
	}
	s.snapshots = newSnapshots(l, s.roomURL)
	return s
}

// Routes adds all routes to e and installs the site's error handler.
func (s *Site) Routes(e *echo.Echo) {
	e.HTTPErrorHandler = s.handleError
	e.IPExtractor = proxy.ClientIP
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: wrapPanic}))

	// Groups are not used: a group with middleware handles every path below it and answers 404 for a wrong method.
	e.Use(s.secure)

	compressed := compress() // for pages and JSON; static files are compressed already, events are streamed
	limited, lookUp := limit(tokensPerAddress, tokensInTotal), limit(lookUpsPerAddress, lookUpsInTotal)

	handleGet(e, "/", s.lobbyPage, lookUp, compressed)
	handleGet(e, "/new", s.newMeeting, lookUp)
	e.POST("/new", s.newMeeting, lookUp, limitBody())
	handleGet(e, "/join", s.join, lookUp, compressed)
	handleGet(e, "/rooms/:room", s.roomPage, lookUp, compressed)
	handleGet(e, "/custom", s.customPage, lookUp, compressed)
	handleGet(e, "/direct", s.directPage, lookUp, compressed)
	handleGet(e, "/direct/:session", s.directPage, lookUp, compressed)

	handleGet(e, "/test", s.testPage, lookUp, compressed)

	s.trustRoutes(e, lookUp, compressed)

	handleGet(e, "/api/rooms", s.rooms, lookUp, compressed)
	handleGet(e, "/api/meetings", s.meetings, lookUp, compressed)
	handleGet(e, "/api/openapi.yaml", s.openAPI, lookUp, compressed)
	e.GET("/api/events", s.events, lookUp)
	handleGet(e, "/api/connection-details", s.connectionDetails, limited)
	e.POST("/api/connection-test", s.connectionTest, limited, limitBody())

	e.POST("/token", s.token, anyOrigin, limited, limitBody())
	e.OPTIONS("/token", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, anyOrigin)

	handleGet(e, staticPath+"*", s.static)
}

// handleGet adds a route for GET and HEAD. Link checkers and load balancers send HEAD.
func handleGet(e *echo.Echo, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) {
	e.Match([]string{http.MethodGet, http.MethodHead}, path, h, m...)
}

// limitBody returns middleware that bounds the size of a body and the time that it may take to arrive.
func limitBody() echo.MiddlewareFunc {
	size := middleware.BodyLimit(bodyLimit)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		next = size(next)
		return func(c echo.Context) error {
			// This fails only in tests without a connection.
			_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(bodyTimeout))
			return next(c)
		}
	}
}

// limit returns middleware that limits the rate of requests.
func limit(perAddress, total ratelimit.Rate) echo.MiddlewareFunc {
	limiter := ratelimit.NewLimiter(perAddress, total)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := limiter.Allow(c.RealIP()); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// anyOrigin is middleware that lets pages of other sites request a token, as LiveKit's token servers do.
var anyOrigin = middleware.CORSWithConfig(middleware.CORSConfig{
	AllowOrigins: []string{"*"}, AllowMethods: []string{http.MethodPost}, AllowHeaders: []string{echo.HeaderContentType},
})

// connectSources converts addresses of servers to sources of a content security policy. A LiveKit client uses the
// WebSocket scheme and the corresponding HTTP scheme. Invalid addresses are left out.
func connectSources(addresses []string) string {
	twins := map[string][]string{"ws": {"ws", "http"}, "http": {"ws", "http"}, "wss": {"wss", "https"}, "https": {"wss", "https"}}
	var b strings.Builder
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || !proxy.ValidHost(u.Host) {
			continue
		}
		for _, scheme := range twins[u.Scheme] {
			b.WriteString(" " + scheme + "://" + u.Host)
		}
	}
	return b.String()
}
