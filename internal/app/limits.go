package app

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"meet/internal/api"
	"meet/internal/fault"
	"meet/internal/ratelimit"
)

// Limits on joins and on failed authentications. After a restart of the server, hundreds of participants behind one address
// join again at the same time, each with a few requests.
var (
	joinsPerAddress, joinsInTotal = ratelimit.Rate{Burst: 2000, PerSecond: 50}, ratelimit.Rate{Burst: 10000, PerSecond: 500}
	// There is no limit on the failures of all addresses together, because then a few clients could lock out all others.
	failuresPerAddress = ratelimit.Rate{Burst: 500, PerSecond: 2}
)

// limitJoins is middleware that limits the rate of joins.
func limitJoins() echo.MiddlewareFunc {
	limiter := ratelimit.NewLimiter(joinsPerAddress, joinsInTotal)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if c.Request().Method != http.MethodGet {
				return next(c)
			}
			if err := limiter.Allow(c.RealIP()); err != nil {
				allowAnyOrigin(c)
				return err
			}
			return next(c)
		}
	}
}

// limitFailures is middleware that limits the rate of requests whose tokens are refused. When a client's failures exceed the
// rate, its requests are refused before their tokens are checked, so that further guesses are useless.
func (a *App) limitFailures(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().Method == http.MethodOptions { // has no token
			return next(c)
		}
		if err := a.failures.Check(c.RealIP()); err != nil {
			allowAnyOrigin(c)
			return err
		}
		err := next(c)
		if c.Response().Status == http.StatusUnauthorized || fault.KindOf(err) == fault.Unauthenticated {
			_ = a.failures.Allow(c.RealIP()) // counts; this request has been answered
		}
		return err
	}
}

// allowAnyOrigin lets pages of other sites read the response of signalling and server APIs, as its handlers do.
func allowAnyOrigin(c echo.Context) {
	if path := c.Request().URL.Path; strings.HasPrefix(path, api.Prefix) || strings.HasPrefix(path, "/rtc") {
		c.Response().Header().Set(echo.HeaderAccessControlAllowOrigin, "*")
	}
}
