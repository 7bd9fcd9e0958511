package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	// heartbeat keeps proxies from closing a quiet stream; most allow a minute.
	heartbeat = 15 * time.Second
	// pause lets changes gather, such as a room that fills: one event shows the latest of them.
	pause = 200 * time.Millisecond
	// patience is how long a reader may stall before its stream ends; the browser opens a new one.
	patience = 10 * time.Second
)

// events streams the lobby's state: at once, and after every change until the browser or the server ends it.
func (s *Site) events(c echo.Context) error {
	changes, cancel := s.lobby.Subscribe()
	defer cancel()
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	c.Response().WriteHeader(http.StatusOK)

	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	done := c.Request().Context().Done()
	event, err := s.lobbyEvent()
	for err == nil {
		if err = send(c, event); err != nil {
			break
		}
		select {
		case <-done:
			return nil
		case <-time.After(pause):
		}
		select {
		case <-done:
			return nil
		case <-changes:
			event, err = s.lobbyEvent()
		case <-beat.C:
			event = []byte(":\n\n") // a comment, which the browser drops
		}
	}
	return err
}

func (s *Site) lobbyEvent() ([]byte, error) {
	data, err := json.Marshal(lobbyJSON{s.roomsJSON(), s.meetingsJSON()})
	if err != nil {
		return nil, fmt.Errorf("encode lobby event: %w", err)
	}
	return bytes.Join([][]byte{[]byte("event: lobby\ndata: "), data, []byte("\n\n")}, nil), nil
}

// send writes and flushes, or fails when the reader stalls.
func send(c echo.Context, event []byte) error {
	stream := http.NewResponseController(c.Response())
	if err := stream.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("set deadline of event stream: %w", err)
	}
	if _, err := c.Response().Write(event); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := stream.Flush(); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return nil
}
