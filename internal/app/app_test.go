package app_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"go.uber.org/goleak"

	"meet/internal/app"
	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
	"meet/test/measure"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"),          // pebble has no Close
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).permit"), // one for each ACME server
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"),
	)
}

// server is an app with methods for the requests of this package's tests.
type server struct{ *harness.Server }

// start starts a server that ends with the test.
func start(t *testing.T, cfg config.Config) *server {
	t.Helper()
	return &server{harness.Start(t, cfg)}
}

// joinByPage joins a room as a browser does: it requests connection details and connects with them.
func (s *server) joinByPage(ctx context.Context, room, name string, o client.Options) *client.Client {
	s.T.Helper()
	var d struct{ ServerURL, ParticipantToken string }
	s.Get(fmt.Sprintf("/api/connection-details?roomName=%s&participantName=%s", room, name), &d)
	o.HostOnly = true
	c, err := client.Join(ctx, d.ServerURL, d.ParticipantToken, o)
	if err != nil {
		s.T.Fatalf("%s joins: %v", name, err)
	}
	s.T.Cleanup(func() { _ = c.Close() })
	return c
}

// liveRoom is a room as /api/rooms lists it.
type liveRoom struct {
	Name            string
	NumParticipants int
	IsActive        bool
}

// meeting is a meeting as /api/meetings lists it.
type meeting struct {
	Name            string
	Participants    []string
	DurationSeconds int
}

func TestLobbyListsMeetingWhileOpenAndAfterRestart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cfg := harness.Settings(t)
	s := start(t, cfg)
	ada := s.joinByPage(ctx, "blue", "Ada", client.Options{})
	s.joinByPage(ctx, "blue", "Bo", client.Options{SinglePC: true})
	var rooms []liveRoom
	harness.Eventually(ctx, t, "two people in blue", func() bool {
		s.Get("/api/rooms", &rooms)
		return len(rooms) == 1 && rooms[0] == liveRoom{"blue", 2, true}
	})
	if err := ada.Leave(); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(ctx, t, "one person in blue", func() bool {
		s.Get("/api/rooms", &rooms)
		return len(rooms) == 1 && rooms[0].NumParticipants == 1
	})
	if err := s.Stop(); err != nil { // ends the room with Bo in it
		t.Fatal(err)
	}

	var meetings []meeting
	start(t, cfg).Get("/api/meetings", &meetings)
	if len(meetings) != 1 || meetings[0].Name != "blue" || strings.Join(meetings[0].Participants, ",") != "Ada,Bo" {
		t.Errorf("after a restart the meetings are %+v, want blue with Ada and Bo", meetings)
	}
}

func TestShutdownSendsLeaveWithinFiveSeconds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s := start(t, harness.Settings(t))
	left := make(chan *livekit.LeaveRequest, 1)
	s.joinByPage(ctx, "blue", "Ada", client.Options{OnLeave: func(l *livekit.LeaveRequest) { left <- l }})
	stream, err := s.HTTP.Get(s.URL() + "/api/events") // would keep the HTTP server from closing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Body.Close() }()
	began := time.Now()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	measure.Within(t, "closing", time.Since(began), 5*time.Second)
	select {
	case l := <-left:
		if l.Reason != livekit.DisconnectReason_SERVER_SHUTDOWN {
			t.Errorf("reason %v, want SERVER_SHUTDOWN", l.Reason)
		}
	case <-ctx.Done():
		t.Error("Ada received no Leave")
	}
}

func TestGeneratedAPIKeyIsReusedAfterRestart(t *testing.T) {
	cfg := harness.Settings(t)
	s := start(t, cfg)
	first, err := os.ReadFile(cfg.GeneratedKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	start(t, cfg)
	if again, err := os.ReadFile(cfg.GeneratedKeyFile()); err != nil || string(again) != string(first) {
		t.Errorf("the key file changed: %v", err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "keys.yaml": 0o600, "lock": 0o600} {
		if info, err := os.Stat(filepath.Join(cfg.DataDir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, want mode %v", name, info.Mode(), want)
		}
	}
}

// The error is one sentence, and nothing stays open.
func TestErrorOfAFailedStartNamesTheSettingToChange(t *testing.T) {
	taken := start(t, harness.Settings(t))
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "keys.yaml"), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*config.Config)
		want   []string
	}{
		"TCP port taken":  {func(c *config.Config) { c.Listen = taken.Address }, []string{"TCP " + taken.Address, "--listen"}},
		"UDP port taken":  {func(c *config.Config) { c.Listen = udp.LocalAddr().String() }, []string{"UDP " + udp.LocalAddr().String(), "--listen"}},
		"foreign address": {func(c *config.Config) { c.Listen = "192.0.2.77:18080" }, []string{"no address 192.0.2.77:18080", "--listen"}},
		"folder is a file": {
			func(c *config.Config) { c.DataDir = file }, []string{file, "--data-dir"},
		},
		"folder cannot be made": {func(c *config.Config) { c.DataDir = filepath.Join(file, "x") }, []string{file, "--data-dir"}},
		"folder in use":         {func(c *config.Config) { c.DataDir = taken.Dir }, []string{"another Meet", "--data-dir"}},
		"broken keys":           {func(c *config.Config) { c.DataDir = broken }, []string{"keys.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := harness.Settings(t)
			tc.change(&cfg)
			a, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
			if err == nil {
				_ = a.Close()
				t.Fatal("the server started")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("error %q, want one line with %q", err, want)
				}
			}
		})
	}
}

func TestStartupMessageNamesAddressAndVersion(t *testing.T) {
	s := start(t, harness.Settings(t))
	var b strings.Builder
	if err := s.Greet(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Meet " + app.Version, "Open            http://" + s.Address + "/", "TCP and UDP " + s.Address} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("greeting lacks %q:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "DEVELOPMENT") {
		t.Error("the greeting mentions development mode")
	}
}

func TestHealthAndReadinessAnswerOK(t *testing.T) {
	s := start(t, harness.Settings(t))
	for _, path := range []string{"/healthz", "/readyz"} {
		resp, err := s.HTTP.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

// LiveKit's clients send these requests before and while they join.
func TestHTTPProbesOfLiveKitClientsGetTheExpectedStatus(t *testing.T) {
	s := start(t, harness.Settings(t))
	for _, tt := range []struct {
		method, path string
		status       int
		anyOrigin    bool
	}{
		{http.MethodHead, "/", http.StatusOK, true},
		{http.MethodGet, "/", http.StatusOK, false},
		{http.MethodGet, "//rtc/validate", http.StatusUnauthorized, true}, // an address that ends with a slash
		{http.MethodGet, "///rtc/v1/validate", http.StatusUnauthorized, true},
		{http.MethodOptions, "/rtc/validate", http.StatusNoContent, true},
		{http.MethodGet, "//evil.example/..", http.StatusNotFound, false},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL()+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != tt.status || (resp.Header.Get("Access-Control-Allow-Origin") == "*") != tt.anyOrigin {
			t.Errorf("%s %s: status %d, header %v", tt.method, tt.path, resp.StatusCode, resp.Header)
		}
	}
}

// A room that a back end creates is listed in the lobby before anybody joins it, and participants join this room.
func TestLobbyShowsRoomsCreatedByTheAPI(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s := start(t, harness.Settings(t))
	keys, err := config.LoadOrCreateKeys(filepath.Join(s.Dir, "keys.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	jwt, err := token.New(keys[0].Name, keys[0].Secret).SetVideoGrant(token.VideoGrant{RoomCreate: true}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, body string) string {
		t.Helper()
		// Some clients put their paths behind a base that ends with a slash.
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"//twirp/livekit.RoomService/"+method, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+jwt)
		req.Header.Set("Content-Type", "application/json")
		resp, err := s.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s %v", method, resp.StatusCode, text, err)
		}
		return string(text)
	}
	made := call("CreateRoom", `{"name":"blue"}`)
	var rooms []liveRoom
	harness.Eventually(ctx, t, "the room is live", func() bool {
		s.Get("/api/rooms", &rooms)
		return len(rooms) == 1 && rooms[0].Name == "blue" && rooms[0].NumParticipants == 0
	})
	s.joinByPage(ctx, "blue", "Ada", client.Options{})
	harness.Eventually(ctx, t, "Ada is in it", func() bool {
		s.Get("/api/rooms", &rooms)
		return len(rooms) == 1 && rooms[0].NumParticipants == 1
	})
	if again := call("CreateRoom", `{"name":"blue"}`); !strings.Contains(again, made[strings.Index(made, "RM_"):][:15]) {
		t.Errorf("Ada is in %s, not in %s", again, made)
	}
	call("DeleteRoom", `{"room":"blue"}`)
	harness.Eventually(ctx, t, "the room is no longer listed", func() bool {
		s.Get("/api/rooms", &rooms)
		return len(rooms) == 0
	})
}
