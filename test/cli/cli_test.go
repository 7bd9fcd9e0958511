package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"meet/internal/client"
	"meet/test/measure"
	"meet/test/program"
)

// binary is the path of the meet binary, which TestMain builds.
var binary string

func TestMain(m *testing.M) { program.Main(m, &binary) }

func TestCommandsPassEveryTestscript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("MEET", filepath.Dir(binary))
			e.Setenv("PORT", freePort(t))
			e.Setenv("ESCAPE", "\x1b")
			e.Setenv("EXPIRED", expired)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status, "serving": serverReady, "joined": joinParticipant, "json": jsonHas, "published": serveBuild},
	})
}

// status implements the script command "status N program args…". It runs a program and checks its exit status.
func status(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("status %d, want %s", got, args[0])
	}
}

// serverReady implements the script command "serving". It waits until a server is ready on $PORT.
func serverReady(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(waitReady("http://127.0.0.1:" + ts.Getenv("PORT")))
}

// freePort returns a TCP port that is free. Servers could choose a port themselves, but a script cannot read which
// port that is.
func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// waitReady polls until the server is ready, for at most 10 seconds.
func waitReady(address string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(10 * time.Second)
	for range tick.C {
		resp, err := http.Get(address + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(resp.Status)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server is not ready: %w", err)
		}
	}
	return nil
}

// startServer starts a server with the data folder dir and waits until it is ready.
func startServer(t *testing.T, dir string, args ...string) (address string, cmd *exec.Cmd) {
	t.Helper()
	listen := "127.0.0.1:" + freePort(t)
	cmd = exec.Command(binary, append([]string{"--listen", listen, "--data-dir", dir}, args...)...)
	cmd.Dir, cmd.Stderr = t.TempDir(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // usually ended already
	if err := waitReady("http://" + listen); err != nil {
		t.Fatal(err)
	}
	return "http://" + listen, cmd
}

func getJSON(t *testing.T, address string, v any) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		t.Fatal(err)
	}
}

// The first start takes less than a second. The fastest of three starts counts, because other programs may slow one
// down.
func TestFirstStartTakesLessThanASecond(t *testing.T) {
	best := time.Hour
	for range 3 {
		start := time.Now()
		_, cmd := startServer(t, filepath.Join(t.TempDir(), "data"))
		best = min(best, time.Since(start))
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after SIGTERM: %v, want status 0", err)
		}
	}
	measure.Within(t, "serving", best, time.Second)
}

func TestMeetingRecordSurvivesKilledServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "data")
	address, cmd := startServer(t, dir)
	var details struct{ ServerURL, ParticipantToken string }
	getJSON(t, address+"/api/connection-details?roomName=blue&participantName=Ada", &details)
	ada, err := client.Join(ctx, details.ServerURL, details.ParticipantToken, client.Options{HostOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ada.Close() }()
	var rooms []struct{ NumParticipants int }
	for len(rooms) != 1 || rooms[0].NumParticipants != 1 {
		if ctx.Err() != nil {
			t.Fatalf("the room has no participant: %+v", rooms)
		}
		getJSON(t, address+"/api/rooms", &rooms)
	}
	// The list of rooms shows the participant some milliseconds before the store has written the meeting to disk.
	waitForMeeting(ctx, t, dir)
	if err := cmd.Process.Kill(); err != nil { // SIGKILL
		t.Fatal(err)
	}
	_ = cmd.Wait() // the error says that it was killed

	address, _ = startServer(t, dir)
	var meetings []struct {
		Name         string
		Participants []string
	}
	getJSON(t, address+"/api/meetings", &meetings)
	if len(meetings) != 1 || meetings[0].Name != "blue" || strings.Join(meetings[0].Participants, ",") != "Ada" {
		t.Errorf("meetings after a kill: %+v, want blue with Ada", meetings)
	}
}

// waitForMeeting waits until the meeting is stored: until a file of the store contains the name of its participant.
func waitForMeeting(ctx context.Context, t *testing.T, dir string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		files, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "KV_meetings", "msgs", "*.blk"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if text, err := os.ReadFile(f); err == nil && strings.Contains(string(text), `"Ada"`) {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("Ada is not in %v", files)
		case <-tick.C:
		}
	}
}
