package site

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"meet/internal/fault"
)

const (
	// heartbeatInterval keeps proxies from closing an idle stream. Most of them allow a minute.
	heartbeatInterval = 15 * time.Second
	// writeTimeout is how long writing to a client may block before its stream ends. The browser then opens a new
	// stream.
	writeTimeout = 10 * time.Second
	// eventRate bounds the bytes per second that one client receives. It allows one event of the largest size (two lists
	// of maxListBytes) per second. A lobby with a few dozen rooms has smaller events and does not reach it: there,
	// minSnapshotInterval bounds the rate to five events per second.
	eventRate = 2 * maxListBytes
	// maxStreams bounds the event streams of a server. Each costs a connection and about 30 kB. maxStreamsPerNetwork
	// bounds those of one network, such as an office behind one address.
	maxStreams, maxStreamsPerNetwork = 4000, 1000
)

var (
	errTooManyStreams            = fault.New(fault.Unavailable, "too many clients watch the lobby; reload the page to see the current rooms")
	errTooManyStreamsFromNetwork = fault.New(fault.Exhausted, "too many clients watch the lobby from this address; reload the page to see the current rooms")
)

// events streams the state of the lobby as server-sent events: immediately, and after every change until the client or
// the server closes the connection.
func (s *Site) events(c echo.Context) error {
	client := c.RealIP()
	if err := s.streams.Add(client, 1); err != nil {
		return err
	}
	defer s.streams.Remove(client, 1)
	ctx := c.Request().Context()
	current, err := s.snapshots.current(ctx)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // otherwise nginx buffers events
	c.Response().WriteHeader(http.StatusOK)

	beat := time.NewTicker(heartbeatInterval)
	defer beat.Stop()
	for {
		if err := send(c, current.event); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(len(current.event)) * time.Second / eventRate):
		}
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return nil
			case <-current.replaced:
				waiting = false
			case <-s.snapshots.changes: // only one stream receives it
				s.snapshots.outdated.Store(true)
				waiting = false
			case <-beat.C:
				if err := send(c, []byte(":\n\n")); err != nil { // a comment, which browsers ignore
					return err
				}
			}
		}
		// The stream that received the notification builds the snapshot for all streams, even if its client is gone.
		if current, err = s.snapshots.current(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
}

// send writes and flushes an event. It fails if the client does not read for writeTimeout. It then removes the deadline,
// because with HTTP/2 a deadline also ends a stream to which nothing is being written.
func send(c echo.Context, event []byte) error {
	stream := http.NewResponseController(c.Response())
	if err := stream.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("set deadline of event stream: %w", err)
	}
	defer func() { _ = stream.SetWriteDeadline(time.Time{}) }() // fails only if the connection has ended
	if _, err := c.Response().Write(event); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	if err := stream.Flush(); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return nil
}
