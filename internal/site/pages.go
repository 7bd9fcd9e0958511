package site

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"meet/internal/fault"
	"meet/internal/lobby"
	"meet/internal/name"
	"meet/internal/proxy"
	"meet/web/templates"
)

func (s *Site) lobbyPage(c echo.Context) error {
	v, err := s.lobbyView(c.Request().Context())
	if err != nil {
		return err
	}
	return render(c, http.StatusOK, templates.LobbyPage(v))
}

// newMeeting answers GET as well, so that a bookmark or a link can start a meeting.
func (s *Site) newMeeting(c echo.Context) error {
	return s.redirect(c, lobby.NewCode())
}

// join sends somebody who typed a code or a link to the room, or back to the lobby with what is wrong with it.
func (s *Site) join(c echo.Context) error {
	code := c.QueryParam("code")
	room, err := s.lobby.FindRoom(code)
	if fault.KindOf(err) == fault.Invalid {
		problem := sentence(fault.Public(err))
		v, err := s.lobbyView(c.Request().Context())
		if err != nil {
			return err
		}
		v.Code, v.Problem = code, problem
		return render(c, http.StatusBadRequest, templates.LobbyPage(v))
	}
	if err != nil {
		return err
	}
	return s.redirect(c, room)
}

func (s *Site) roomPage(c echo.Context) error {
	given, err := param(c, "room")
	if err != nil {
		return err
	}
	room, err := name.Room(given)
	switch {
	case errors.Is(err, name.ErrRoomMissing):
		return echo.ErrNotFound // what the API says of it, "roomName is missing", is for programmers
	case err != nil:
		return err
	}
	c.Response().Header().Set("X-Robots-Tag", "noindex") // a room's link is for those it was given to
	return render(c, http.StatusOK, templates.RoomPage(s.roomView(room)))
}

// customPage is a call on any LiveKit server, for whoever has its address and a token. The token is the page's to read:
// it may stand behind the #, which no server sees.
func (s *Site) customPage(c echo.Context) error {
	h := c.Response().Header()
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Referrer-Policy", "no-referrer") // the page's address holds the token
	h.Set("Cache-Control", "no-store")
	address := strings.TrimSpace(c.QueryParam("liveKitUrl"))
	if address == "" {
		return render(c, http.StatusOK, templates.CustomPage(s.customView("", "", "")))
	}
	connects := connectSources([]string{address})
	if connects == "" {
		return render(c, http.StatusBadRequest, templates.CustomPage(s.customView("", address, "This is no address of a server. It begins with wss:// or https://.")))
	}
	h.Set("Content-Security-Policy", s.policy(templ.GetNonce(c.Request().Context()), proxy.Host(c.Request()), connects))
	return render(c, http.StatusOK, templates.CustomPage(s.customView(address, "", "")))
}

// directPage is a call between two browsers. Whether the session is there, the page asks when somebody joins it.
func (s *Site) directPage(c echo.Context) error {
	session, err := param(c, "session")
	if err != nil {
		return err
	}
	if session != "" {
		c.Response().Header().Set("X-Robots-Tag", "noindex") // its link is for who it was given to
	}
	return render(c, http.StatusOK, templates.DirectPage(s.directView(session)))
}

// param returns a part of the path as it is meant. Echo hands it out still escaped when the path had escapes that
// URLs do not need or that hide a slash; then, and only then, RawPath is set.
func param(c echo.Context, name string) (string, error) {
	value := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return value, nil
	}
	value, err := url.PathUnescape(value)
	if err != nil {
		return "", echo.ErrNotFound
	}
	return value, nil
}

// redirect answers 303, so that a form's POST becomes a GET of the room.
func (s *Site) redirect(c echo.Context, room string) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Redirect(http.StatusSeeOther, s.roomURL(room))
}

func (s *Site) roomURL(room string) string { return s.base + "/rooms/" + url.PathEscape(room) }

// render writes a page. Browsers ask again each time, since what it shows and the files it names change.
func render(c echo.Context, status int, page templ.Component) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	c.Response().WriteHeader(status)
	return page.Render(c.Request().Context(), c.Response())
}
