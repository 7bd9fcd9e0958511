package site

import (
	_ "embed" // of the description
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meet/internal/fault"
	"meet/internal/lobby"
	"meet/internal/proxy"
)

type roomJSON struct {
	URL             string    `json:"url"`
	ID              string    `json:"id"`
	Name            string    `json:"name"`
	CreationTime    time.Time `json:"creationTime"`
	NumParticipants int       `json:"numParticipants"`
	IsActive        bool      `json:"isActive"`
	Metadata        string    `json:"metadata"`
}

type meetingJSON struct {
	ID              string    `json:"id"`
	Name            string    `json:"name"`
	Participants    []string  `json:"participants"`
	NumParticipants int       `json:"numParticipants"`
	StartedAt       time.Time `json:"startedAt"`
	EndedAt         time.Time `json:"endedAt"`
	DurationSeconds int       `json:"durationSeconds"`
}

// lobbyJSON is the data of a lobby event.
type lobbyJSON struct {
	Rooms        json.RawMessage `json:"rooms"`
	MoreRooms    int             `json:"moreRooms"` // how many there are beyond those in the list
	Meetings     json.RawMessage `json:"meetings"`
	MoreMeetings int             `json:"moreMeetings"`
}

// detailsJSON is what a page needs to enter a room.
type detailsJSON struct {
	lobby.ConnectionDetails
	Direct *directJSON `json:"direct,omitempty"` // nil: everything goes by the server
}

// directJSON lets two who are alone in a room find each other (W3C webrtc, 4.2.4).
type directJSON struct {
	ICEServers []iceServerJSON `json:"iceServers"`
}

type iceServerJSON struct {
	URLs []string `json:"urls"`
}

//go:embed openapi.yaml
var description []byte

// openAPI is the description of these and of the token endpoint.
func (s *Site) openAPI(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", description)
}

func (s *Site) rooms(c echo.Context) error {
	return s.list(c, func(now *snapshot) []byte { return now.rooms })
}

func (s *Site) meetings(c echo.Context) error {
	return s.list(c, func(now *snapshot) []byte { return now.meetings })
}

// list answers with a list of the current snapshot.
func (s *Site) list(c echo.Context, of func(*snapshot) []byte) error {
	now, err := s.snapshots.current(c.Request().Context())
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, of(now))
}

func (s *Site) connectionDetails(c echo.Context) error {
	details, err := s.lobby.ConnectionDetails(lobby.Request{
		Room:     c.QueryParam("roomName"),
		Name:     c.QueryParam("participantName"),
		Metadata: c.QueryParam("metadata"),
		Region:   c.QueryParam("region"),
		Address:  c.RealIP(),
	})
	if err != nil {
		return err
	}
	switch {
	case details.ServerURL != "":
	case c.QueryParam("host") != "": // a page of this server, which knows better than any proxy how it was reached
		details.ServerURL = s.base + "/"
	default:
		details.ServerURL = socketURL(c.Request()) + s.base
	}
	answer := detailsJSON{ConnectionDetails: details}
	if s.stun != nil {
		answer.Direct = &directJSON{ICEServers: []iceServerJSON{{URLs: []string{s.stun(c.Request())}}}}
	}
	return fresh(c, answer)
}

var errTokenBody = fault.New(fault.Invalid, "the body must be JSON with roomName and participantName as text")

func (s *Site) token(c echo.Context) error {
	var body struct {
		RoomName        string `json:"roomName"`
		ParticipantName string `json:"participantName"`
	}
	text, err := io.ReadAll(c.Request().Body)
	if he, ok := errors.AsType[*echo.HTTPError](err); ok && he.Code == http.StatusRequestEntityTooLarge {
		return err
	}
	if err != nil || json.Unmarshal(text, &body) != nil {
		return errTokenBody
	}
	raw, err := s.lobby.Token(body.RoomName, body.ParticipantName, c.RealIP())
	if err != nil {
		return err
	}
	return fresh(c, raw)
}

// fresh answers with JSON that is true only at this moment.
func fresh(c echo.Context, v any) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, v)
}

// socketURL is this server as the one who asks reached it.
func socketURL(r *http.Request) string {
	if proxy.HTTPS(r) {
		return "wss://" + proxy.Host(r)
	}
	return "ws://" + proxy.Host(r)
}
