package site

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"meet/internal/fault"
	"meet/internal/source"
)

const (
	// heartbeat keeps proxies from closing a quiet stream; most allow a minute.
	heartbeat = 15 * time.Second
	// patience is how long a reader may stall before its stream ends; the browser opens a new one.
	patience = 10 * time.Second
	// eventRate bounds what one reader gets, in bytes per second: a full event (two lists of maxListBytes) a second. A lobby
	// with some dozens of rooms sends five events a second at most, because of pause.
	eventRate = 2 * maxListBytes
	// maxStreams bounds the streams of a server, each of which costs a connection and about 30 kB; maxStreamsOfOne those of
	// one network, such as an office behind one address.
	maxStreams, maxStreamsOfOne = 4000, 1000
)

var (
	errStreams      = fault.New(fault.Unavailable, "too many people watch the lobby; the page shows what is live when it is loaded again")
	errStreamsOfOne = fault.New(fault.Exhausted, "too many people watch the lobby from this address; the page shows what is live when it is loaded again")
)

// events streams the lobby's state: at once, and after every change until the browser or the server ends it.
func (s *Site) events(c echo.Context) error {
	leave, err := s.streams.enter(source.Key(c.RealIP()))
	if err != nil {
		return err
	}
	defer leave()
	ctx := c.Request().Context()
	current, err := s.snapshots.current(ctx)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	c.Response().WriteHeader(http.StatusOK)

	beat := time.NewTicker(heartbeat)
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
			case <-s.snapshots.changes: // only one stream gets it
				s.snapshots.stale.Store(true)
				waiting = false
			case <-beat.C:
				if err := send(c, []byte(":\n\n")); err != nil { // a comment, which the browser drops
					return err
				}
			}
		}
		// Whoever took the mark of a change makes the snapshot that the other streams wait for, even if its reader has gone.
		if current, err = s.snapshots.current(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
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

// streams counts the event streams that are open.
type streams struct {
	total, each int // the most there may be, and of one network

	mu   sync.Mutex
	open int
	of   map[string]int // by network
}

func newStreams(total, each int) *streams {
	return &streams{total: total, each: each, of: map[string]int{}}
}

// enter counts a stream of a network until leave, or says why there may not be one more.
func (s *streams) enter(network string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.of[network] >= s.each:
		return nil, errStreamsOfOne
	case s.open >= s.total:
		return nil, errStreams
	}
	s.open++
	s.of[network]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
		if s.of[network]--; s.of[network] == 0 {
			delete(s.of, network)
		}
	}, nil
}
