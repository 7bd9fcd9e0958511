package site

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"golang.org/x/time/rate"

	"meet/internal/assets"
	"meet/internal/lobby"
	"meet/internal/proxy"
	"meet/internal/source"
)

// Limits on asking for tokens from one address. A class of hundreds behind one router may arrive at once; nobody
// needs more than the refill for long.
const (
	tokensPerSecond = 20
	tokenBurst      = 600
	bodyLimit       = "64K" // of the largest form or JSON a page sends, many times over
	bodyTime        = 10 * time.Second
)

// Builds are the front end's builds: the one in use, and those whose files an open page may still ask for.
type Builds interface {
	Current() *assets.Build
	BuildWithFile(file string) *assets.Build // the newest that has the file, or nil
}

// Options is what a site may be told.
type Options struct {
	BasePath   string   // the path that the site stands under, such as "/meet"; "" is the top
	ServerURLs []string // other servers that pages may connect to for signalling
	// STUN is where a browser that came with that request learns its own address, if two who are alone in a room may
	// talk without the server in between; nil if they may not.
	STUN func(*http.Request) string
	Log  *slog.Logger
}

// Site serves the pages.
type Site struct {
	lobby     *lobby.Lobby
	builds    Builds
	base      string
	stun      func(*http.Request) string // nil: no room is direct
	log       *slog.Logger
	connects  string // what the policy lets pages connect to besides this server
	snapshots *snapshots
	streams   *streams
	refused   counter
}

// New returns the site of a lobby, with that front end.
func New(l *lobby.Lobby, b Builds, o Options) *Site {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Site{
		lobby: l, builds: b, base: o.BasePath, stun: o.STUN, log: o.Log, connects: connectSources(o.ServerURLs),
		streams: newStreams(maxStreams, maxStreamsOfOne),
	}
	s.snapshots = newSnapshots(l, s.roomURL)
	return s
}

// Routes mounts every page and makes e answer errors as the site does.
func (s *Site) Routes(e *echo.Echo) {
	e.HTTPErrorHandler = s.fail
	e.IPExtractor = proxy.ClientIP
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: withStack}))

	// Not by groups: a group with middleware takes every path below it, and then a wrong method is "not found".
	e.Use(s.secure)

	compressed := middleware.Gzip() // not for what is compressed already or streamed
	limited := s.limitTokens()

	get(e, "/", s.lobbyPage, compressed)
	get(e, "/new", s.newMeeting)
	e.POST("/new", s.newMeeting, limitBody())
	get(e, "/join", s.join, compressed)
	get(e, "/rooms/:room", s.roomPage, compressed)
	get(e, "/custom", s.customPage, compressed)
	get(e, "/direct", s.directPage, compressed)
	get(e, "/direct/:session", s.directPage, compressed)

	get(e, "/api/rooms", s.rooms, compressed)
	get(e, "/api/meetings", s.meetings, compressed)
	get(e, "/api/openapi.yaml", s.openAPI, compressed)
	e.GET("/api/events", s.events)
	get(e, "/api/connection-details", s.connectionDetails, limited)

	e.POST("/token", s.token, anyOrigin, limited, limitBody())
	e.OPTIONS("/token", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, anyOrigin)

	get(e, staticPath+"*", s.static)
}

// get serves HEAD too: link checkers and load balancers ask that way.
func get(e *echo.Echo, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) {
	e.Match([]string{http.MethodGet, http.MethodHead}, path, h, m...)
}

// limitBody bounds a body in size and in the time it may take to arrive.
func limitBody() echo.MiddlewareFunc {
	size := middleware.BodyLimit(bodyLimit)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		next = size(next)
		return func(c echo.Context) error {
			// What fails here has no deadline, as in a test without a connection.
			_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(bodyTime))
			return next(c)
		}
	}
}

func (s *Site) limitTokens() echo.MiddlewareFunc {
	return middleware.RateLimiterWithConfig(middleware.RateLimiterConfig{
		Store: middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{
			Rate: rate.Limit(tokensPerSecond), Burst: tokenBurst,
		}),
		IdentifierExtractor: func(c echo.Context) (string, error) { return source.Key(c.RealIP()), nil },
		DenyHandler:         func(echo.Context, string, error) error { return errTooMany },
	})
}

// anyOrigin lets pages of any other site ask for a token, as the token server this endpoint stands in for does.
var anyOrigin = middleware.CORSWithConfig(middleware.CORSConfig{
	AllowOrigins: []string{"*"}, AllowMethods: []string{http.MethodPost}, AllowHeaders: []string{echo.HeaderContentType},
})

// connectSources turns addresses of servers into sources of a content security policy. A LiveKit client uses both
// the socket's scheme and its HTTP twin.
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
