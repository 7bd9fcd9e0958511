package site

import (
	_ "embed" // openAPIDocument
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

// roomJSON is a room in /api/rooms and in lobby events.
type roomJSON struct {
	URL             string    `json:"url"`
	ID              string    `json:"id"`
	Name            string    `json:"name"`
	CreationTime    time.Time `json:"creationTime"`
	NumParticipants int       `json:"numParticipants"`
	IsActive        bool      `json:"isActive"`
	Metadata        string    `json:"metadata"`
}

// meetingJSON is a meeting in /api/meetings and in lobby events.
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
	MoreRooms    int             `json:"moreRooms"` // number of rooms with participants that are not in the list
	Meetings     json.RawMessage `json:"meetings"`
	MoreMeetings int             `json:"moreMeetings"`
}

// detailsJSON is the response of /api/connection-details.
type detailsJSON struct {
	lobby.ConnectionDetails
	Direct *directJSON `json:"direct,omitempty"` // nil if media always goes through the server
}

// directJSON lets two participants that are alone in a room connect to each other directly (W3C webrtc, 4.2.4).
type directJSON struct {
	ICEServers []iceServerJSON `json:"iceServers"`
}

// iceServerJSON is an ICE server, as in RTCIceServer of the W3C.
type iceServerJSON struct {
	URLs []string `json:"urls"`
}

//go:embed openapi.yaml
var openAPIDocument []byte

// openAPI serves the OpenAPI document of /api and /token.
func (s *Site) openAPI(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", openAPIDocument)
}

// rooms serves the list of open rooms.
func (s *Site) rooms(c echo.Context) error {
	return s.snapshotList(c, func(now *snapshot) []byte { return now.rooms })
}

// meetings serves the list of ended meetings.
func (s *Site) meetings(c echo.Context) error {
	return s.snapshotList(c, func(now *snapshot) []byte { return now.meetings })
}

// snapshotList serves one of the lists of the current snapshot.
func (s *Site) snapshotList(c echo.Context, list func(*snapshot) []byte) error {
	now, err := s.snapshots.current(c.Request().Context())
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, list(now))
}

// connectionDetails serves what a client needs to enter a room.
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
	details.ServerURL = s.serverURL(c, details.ServerURL)
	answer := detailsJSON{ConnectionDetails: details}
	if s.stun != nil {
		answer.Direct = &directJSON{ICEServers: []iceServerJSON{{URLs: []string{s.stun(c.Request())}}}}
	}
	return jsonNoStore(c, answer)
}

// connectionTest serves the tokens for a room in which a browser tests its connection.
func (s *Site) connectionTest(c echo.Context) error {
	test, err := s.lobby.NewConnectionTest()
	if err != nil {
		return err
	}
	test.ServerURL = s.serverURL(c, test.ServerURL)
	return jsonNoStore(c, test)
}

// serverURL returns the address that a client connects to for signalling: the configured one, or else this server's.
func (s *Site) serverURL(c echo.Context, configured string) string {
	switch {
	case configured != "":
		return configured
	case c.QueryParam("host") != "": // a page of this server, which uses its own address
		return s.base + "/"
	default:
		return socketURL(c.Request()) + s.base
	}
}

// errTokenBody is the error for a request to /token whose body cannot be parsed.
var errTokenBody = fault.New(fault.Invalid, "the body must be JSON with roomName and participantName as strings")

// token serves an access token as a JSON string.
func (s *Site) token(c echo.Context) error {
	var body struct {
		RoomName        string `json:"roomName"`
		ParticipantName string `json:"participantName"`
	}
	text, err := io.ReadAll(c.Request().Body)
	if he, ok := errors.AsType[*echo.HTTPError](err); ok && he.Code == http.StatusRequestEntityTooLarge {
		return err
	}
	if fault.KindOf(err) == fault.Exhausted { // too many bytes of bodies in memory
		return err
	}
	if err != nil || json.Unmarshal(text, &body) != nil {
		return errTokenBody
	}
	raw, err := s.lobby.Token(body.RoomName, body.ParticipantName, c.RealIP())
	if err != nil {
		return err
	}
	return jsonNoStore(c, raw)
}

// jsonNoStore sends JSON that must not be cached.
func jsonNoStore(c echo.Context, v any) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, v)
}

// socketURL returns the WebSocket address at which the client reached this server.
func socketURL(r *http.Request) string {
	if proxy.HTTPS(r) {
		return "wss://" + proxy.Host(r)
	}
	return "ws://" + proxy.Host(r)
}
