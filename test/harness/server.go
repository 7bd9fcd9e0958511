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

// Server is a server that runs until the test ends.
type Server struct {
	*app.App
	T       *testing.T
	HTTP    *http.Client // client with its own connections
	Address string       // host:port, for TCP and UDP
	Dir     string       // data folder

	stop    context.CancelFunc
	runErr  chan error
	stopped bool
}

// Settings returns the default settings with a free port on the loopback interface and a temporary data folder.
func Settings(t *testing.T) config.Config {
	c := config.Default()
	c.Listen, c.DataDir = "127.0.0.1:0", filepath.Join(t.TempDir(), "data")
	return c
}

// Start starts a server. Its log is discarded, or written to standard error if TEST_LOG is set.
func Start(t *testing.T, cfg config.Config) *Server {
	t.Helper()
	var log slog.Handler = slog.DiscardHandler
	if os.Getenv("TEST_LOG") != "" { // not to the test's output, because connections may end after the test
		log = slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})
	}
	return StartLogging(t, cfg, log)
}

// StartLogging starts a server that logs to the given handler.
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
			_ = pprof.Lookup("goroutine").WriteTo(t.Output(), 1) // shows which goroutines are left
		}
	})
	return s
}

// Stop shuts the server down gracefully, as a signal does. Further calls do nothing.
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

// URL returns the server's HTTP URL. SocketURL returns its WebSocket URL.
func (s *Server) URL() string       { return "http://" + s.Address }
func (s *Server) SocketURL() string { return "ws://" + s.Address }

// Get requests the URL path from the server and decodes the JSON response into v.
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

// Bearer is an HTTP client that sends a token in the Authorization header. LiveKit's generated API clients accept it.
type Bearer struct {
	*http.Client
	Token string
}

// Do sends a request with the token.
func (b Bearer) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+b.Token)
	return b.Client.Do(r)
}

// Eventually polls until cond returns true. If ctx ends first, the test fails with the text description.
func Eventually(ctx context.Context, t *testing.T, description string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("gave up waiting: %s", description)
		}
	}
}
