package site

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"meet/internal/fault"
	"meet/web/templates"
)

// statuses maps kinds of errors to HTTP status codes.
var statuses = map[fault.Kind]int{
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Denied:          http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Exhausted:       http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

// twirpCodes maps HTTP status codes of errors that occur before a request reaches the server APIs to codes of Twirp. A status
// that is missing here is an internal error.
// (https://twitchtv.github.io/twirp/docs/spec_v7.html#error-codes)
var twirpCodes = map[int]string{http.StatusNotFound: "bad_route", http.StatusTooManyRequests: "resource_exhausted"}

// problem is an error as a client may see it.
type problem struct {
	status int
	text   string
	id     string // identifies the line in the log; "" unless the error is internal
}

// handleError answers the errors of all routes.
func (s *Site) handleError(err error, c echo.Context) {
	if c.Response().Committed || errors.Is(err, context.Canceled) {
		return // the response has already started, or the client is gone
	}
	p := s.problem(err, c)
	if seconds := fault.RetryAfter(err); seconds > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	if err := s.respond(c, p); err != nil {
		s.log.Debug("could not send an error response", "err", err)
	}
}

// problem returns what a client may see of an error. It logs internal errors under an id, and only the id is shown.
func (s *Site) problem(err error, c echo.Context) problem {
	if status, ok := statuses[fault.KindOf(err)]; ok {
		s.refusals.count(s.log)
		return problem{status: status, text: fault.Public(err)}
	}
	if he, ok := errors.AsType[*echo.HTTPError](err); ok && he.Code < http.StatusInternalServerError {
		s.refusals.count(s.log)
		return problem{status: he.Code, text: strings.ToLower(http.StatusText(he.Code))}
	}
	id := rand.Text()[:8]
	s.log.Error("request failed", "id", id, "method", c.Request().Method, "route", c.Path(), "err", err)
	return problem{status: http.StatusInternalServerError, text: fmt.Sprintf("something went wrong (%s)", id), id: id}
}

// respond writes a problem in the format of the route.
func (s *Site) respond(c echo.Context, p problem) error {
	switch path := c.Request().URL.Path; {
	case c.Request().Method == http.MethodHead:
		return c.NoContent(p.status)
	case path == "/api/connection-details", path == "/api/connection-test":
		return c.String(p.status, p.text)
	case path == "/token":
		return c.JSON(p.status, p.text)
	case strings.HasPrefix(path, "/twirp/"):
		return c.JSON(p.status, map[string]string{"code": cmp.Or(twirpCodes[p.status], "internal"), "msg": p.text})
	case strings.HasPrefix(path, "/api/"):
		return c.JSON(p.status, map[string]string{"error": p.text})
	case strings.Contains(c.Request().Header.Get("Accept"), "text/html"):
		return render(c, p.status, templates.ProblemPage(s.problemView(p)))
	default:
		return c.String(p.status, p.text)
	}
}

// problemView returns the error page of a problem.
func (s *Site) problemView(p problem) templates.ProblemView {
	heading, text := "That did not work", sentence(p.text)
	switch {
	case p.status == http.StatusNotFound:
		heading, text = "There is no such page", "The link may be incomplete, or it belongs to another server."
	case p.status == http.StatusTooManyRequests:
		heading = "Too many requests"
	case p.id != "":
		heading, text = "Something went wrong", "This is a fault of the server, and it is in the server's log. Trying again may work."
	}
	return templates.ProblemView{
		Shell:  s.plainShell(heading + " · Meet"),
		Status: p.status, Heading: heading, Text: text, ErrorID: p.id,
	}
}

// sentence capitalizes an error's text and adds a full stop, for display on a page.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}

// wrapPanic wraps the error of a panic with its stack, so that handleError logs it.
func wrapPanic(_ echo.Context, err error, stack []byte) error {
	return fmt.Errorf("panic: %w\n%s", err, stack)
}

// refusalCounter counts refused requests and logs the count at most once a minute, so that clients cannot fill the log.
type refusalCounter struct {
	mu     sync.Mutex
	n      int
	logged time.Time
}

// count counts a refused request and logs the number of refused requests if a log line is due.
func (c *refusalCounter) count(log *slog.Logger) {
	if n := c.add(time.Now()); n > 0 {
		log.Info("requests refused", "count", n)
	}
}

// add counts a request. It returns the number of requests since the last log line if a line is due, otherwise 0.
func (c *refusalCounter) add(now time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	if now.Sub(c.logged) < time.Minute {
		return 0
	}
	n := c.n
	c.n, c.logged = 0, now
	return n
}
