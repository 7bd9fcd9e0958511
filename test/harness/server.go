package harness

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"testing"
	"time"

	"meet/internal/app"
	"meet/internal/config"
)

// Server is an app that runs until the test ends.
type Server struct {
	*app.App
	T       *testing.T
	HTTP    *http.Client // with connections of its own
	Address string       // host:port, TCP and UDP
	Dir     string       // the data folder

	stop    context.CancelFunc
	runErr  chan error
	stopped bool
}

// Settings are the defaults, on a free port of loopback and with a data folder of the test's.
func Settings(t *testing.T) config.Config {
	c := config.Default()
	c.Listen, c.DataDir = "127.0.0.1:0", filepath.Join(t.TempDir(), "data")
	return c
}

// Start runs a server whose log is discarded, or written to standard error if TEST_LOG is set.
func Start(t *testing.T, cfg config.Config) *Server {
	t.Helper()
	var log slog.Handler = slog.DiscardHandler
	if os.Getenv("TEST_LOG") != "" { // not the test's own output: connections may end after it
		log = slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})
	}
	return StartLogging(t, cfg, log)
}

// StartLogging runs a server that logs to a handler.
func StartLogging(t *testing.T, cfg config.Config, log slog.Handler) *Server {
	t.Helper()
	a, err := app.New(t.Context(), cfg, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		App: a, T: t, Address: a.Addr().String(), Dir: cfg.DataDir,
		HTTP: &http.Client{Transport: &http.Transport{}}, runErr: make(chan error, 1),
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	go func() { s.runErr <- a.Run(ctx) }() // ends with ctx; Stop waits for it
	t.Cleanup(func() {
		s.HTTP.CloseIdleConnections()
		if err := s.Stop(); err != nil {
			t.Errorf("Close: %v", err)
			_ = pprof.Lookup("goroutine").WriteTo(t.Output(), 1) // who holds it up
		}
	})
	return s
}

// Stop ends the server as a signal would. Once it has ended, Stop does nothing.
func (s *Server) Stop() error {
	if s.stopped {
		return nil
	}
	s.stopped = true
	s.stop()
	if err := <-s.runErr; err != nil {
		s.T.Errorf("Run: %v", err)
	}
	return s.Close()
}

// URL is the server's address for HTTP, SocketURL the one for signalling.
func (s *Server) URL() string       { return "http://" + s.Address }
func (s *Server) SocketURL() string { return "ws://" + s.Address }

// Get decodes JSON from a path.
func (s *Server) Get(path string, v any) {
	s.T.Helper()
	resp, err := s.HTTP.Get(s.URL() + path)
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.T.Fatalf("GET %s: %d %s %v", path, resp.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		s.T.Fatalf("GET %s: %v in %s", path, err, text)
	}
}

// Bearer is an HTTP client whose requests carry a token, as LiveKit's generated clients take one.
type Bearer struct {
	*http.Client
	Token string
}

// Do sends a request with the token.
func (b Bearer) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+b.Token)
	return b.Client.Do(r)
}

// Eventually polls until cond holds; media and messages arrive on their own time. The test fails when ctx ends.
func Eventually(ctx context.Context, t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
