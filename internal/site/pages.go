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

// lobbyPage serves the lobby.
func (s *Site) lobbyPage(c echo.Context) error {
	v, err := s.lobbyView(c.Request().Context())
	if err != nil {
		return err
	}
	return render(c, http.StatusOK, templates.LobbyPage(v))
}

// newMeeting redirects to a new room. It also answers GET, so that a bookmark or a link can start a meeting.
func (s *Site) newMeeting(c echo.Context) error {
	return s.redirect(c, lobby.NewCode())
}

// join redirects to the room of a meeting code or link. If the input is invalid, it serves the lobby with an error
// message.
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

// roomPage serves the page of a room.
func (s *Site) roomPage(c echo.Context) error {
	given, err := pathParam(c, "room")
	if err != nil {
		return err
	}
	room, err := name.Room(given)
	switch {
	case errors.Is(err, name.ErrRoomMissing):
		return echo.ErrNotFound // the text of the error names a parameter of the API
	case err != nil:
		return err
	}
	c.Response().Header().Set("X-Robots-Tag", "noindex") // links to rooms are private
	v := s.roomView(room)
	v.Shell.InviteOrigin = s.inviteOrigin(c.Request())
	return render(c, http.StatusOK, templates.RoomPage(v))
}

// customPage serves a call on any LiveKit server, given its address and a token. Only the page's script reads the token:
// it may be in the URL's fragment, which browsers do not send.
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
		return render(c, http.StatusBadRequest, templates.CustomPage(s.customView("", address, "This is not the address of a server. Addresses begin with wss:// or https://.")))
	}
	h.Set("Content-Security-Policy", s.policy(templ.GetNonce(c.Request().Context()), proxy.Host(c.Request()), connects))
	return render(c, http.StatusOK, templates.CustomPage(s.customView(address, "", "")))
}

// directPage serves a call between two browsers. It does not check whether the session exists; the page does when a
// visitor joins.
func (s *Site) directPage(c echo.Context) error {
	session, err := pathParam(c, "session")
	if err != nil {
		return err
	}
	if session != "" {
		c.Response().Header().Set("X-Robots-Tag", "noindex") // links to sessions are private
	}
	v := s.directView(session)
	v.Shell.InviteOrigin = s.inviteOrigin(c.Request())
	return render(c, http.StatusOK, templates.DirectPage(v))
}

// testPage serves the connection test.
func (s *Site) testPage(c echo.Context) error {
	return render(c, http.StatusOK, templates.TestPage(s.testView()))
}

// pathParam returns an unescaped parameter of the path. Echo does not unescape parameters if RawPath is set. That is
// the case if the path has unnecessary escapes or an escaped slash.
func pathParam(c echo.Context, name string) (string, error) {
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

// redirect answers 303, so that the POST of a form is followed by a GET of the room.
func (s *Site) redirect(c echo.Context, room string) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Redirect(http.StatusSeeOther, s.roomURL(room))
}

// roomURL returns the path of a room's page.
func (s *Site) roomURL(room string) string { return s.base + "/rooms/" + url.PathEscape(room) }

// render writes a page. Browsers must revalidate it each time, since its content and its files change.
func render(c echo.Context, status int, page templ.Component) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	c.Response().WriteHeader(status)
	return page.Render(c.Request().Context(), c.Response())
}
