package attack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"meet/internal/token"
	"meet/test/program"
)

// binary is the program under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) { program.Main(m, &binary) }

const apiKey, apiSecret = "devkey", "secret"

// server is a process of the program.
type server struct {
	t       *testing.T
	pid     int
	address string
	output  string // file with what the program prints and logs
}

// start runs the program on a free loopback port until the test ends. flags are further command line flags.
func start(t *testing.T, flags ...string) *server {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(binary, append([]string{"--listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data"), "--keys", apiKey + ": " + apiSecret}, flags...)...)
	cmd.Dir = dir
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = out.Close()
		if t.Failed() {
			text, _ := os.ReadFile(out.Name())
			t.Logf("output of the server:\n%s", text[max(0, len(text)-4000):])
		}
	})
	s := &server{t: t, pid: cmd.Process.Pid, output: out.Name()}
	link := regexp.MustCompile(`https?://(127\.0\.0\.1:\d+|localhost:\d+)`)
	s.eventually("the server prints its address", func() bool {
		text, _ := os.ReadFile(out.Name())
		if found := link.FindSubmatch(text); found != nil {
			s.address = strings.Replace(string(found[1]), "localhost", "127.0.0.1", 1)
		}
		return s.address != ""
	})
	s.eventually("the server answers", func() bool {
		resp, err := http.Get("http://" + s.address + "/healthz")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
	return s
}

// eventually polls a condition and fails the test if it is not true within 30 s.
func (s *server) eventually(what string, cond func() bool) {
	s.t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-limit.C:
			s.t.Fatalf("never: %s", what)
		}
	}
}

// memory returns the memory of the process in bytes: name is VmRSS for the present value or VmHWM for the peak.
func (s *server) memory(name string) int {
	s.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		s.t.Fatal(err)
	}
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		s.t.Fatalf("no %s in %s", name, status)
	}
	kB, err := strconv.Atoi(string(found[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	return kB << 10
}

// checkMemoryGrowth runs an attack, and checks that the memory of the process grows by at most limit bytes and that the
// server still answers.
func (s *server) checkMemoryGrowth(limit int, attack func()) {
	s.t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.pid), []byte("5"), 0); err != nil { // resets VmHWM (proc(5))
		s.t.Fatal(err)
	}
	before := s.memory("VmRSS")
	attack()
	grown := s.memory("VmHWM") - before
	s.t.Logf("%d MB before, %.1f MB more at most", before>>20, float64(grown)/(1<<20))
	if grown > limit {
		s.t.Errorf("the attack took %d MB, of %d allowed", grown>>20, limit>>20)
	}
	resp, err := http.Get("http://" + s.address + "/healthz")
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Errorf("the server does not answer afterwards: %v", err)
	}
	if resp != nil {
		_ = resp.Body.Close()
	}
}

// post sends a request and returns the status of the response, or 0 if the server closed the connection.
func (s *server) post(path, contentType, bearer string, body []byte) int {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+s.address+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0 // the server closed the connection before it had read the body
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// guestToken returns a token from /token, which everybody can get.
func (s *server) guestToken(room, name string) string {
	s.t.Helper()
	body, _ := json.Marshal(map[string]string{"roomName": room, "participantName": name}) // cannot fail
	resp, err := http.Post("http://"+s.address+"/token", "application/json", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var raw string
	if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil {
		s.t.Fatal(err)
	}
	return raw
}

// operatorToken returns a token with all grants of the server APIs.
func (s *server) operatorToken() string {
	s.t.Helper()
	raw, err := token.New(apiKey, apiSecret).SetVideoGrant(token.VideoGrant{RoomCreate: true, RoomList: true, RoomAdmin: true, Room: "blue"}).ToJWT()
	if err != nil {
		s.t.Fatal(err)
	}
	return raw
}

// openSocket connects a WebSocket that closes with the test.
func (s *server) openSocket(path string, header http.Header) *websocket.Conn {
	s.t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial("ws://"+s.address+path, header)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = ws.Close() })
	return ws
}
