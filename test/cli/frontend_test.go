package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// writeBuild writes a build to dir. The build is the one in this repository, but its lobby script is replaced by one that
// contains mark.
func writeBuild(dir, mark string) error {
	if err := os.CopyFS(dir, os.DirFS("../../web/static")); err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return err
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	entry := m["entries"].(map[string]any)["lobby"].(map[string]any)
	old := entry["script"].(string)
	name := "assets/lobby-" + mark + ".js"
	text, err := os.ReadFile(filepath.Join(dir, old))
	if err != nil {
		return err
	}
	text = append(text, "\n// "+mark...)
	sum := sha256.Sum256(text)
	entry["script"] = name
	m["files"] = append(m["files"].([]any), map[string]any{"path": name, "size": len(text), "sha256": hex.EncodeToString(sum[:])})
	m["made"] = "2026-05-01T00:00:00Z"
	if raw, err = json.Marshal(m); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), raw, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), text, 0o600)
}

// serveBuild implements the script command "published". It serves a build at $SOURCE. With the argument "tampered", a
// JavaScript file of the build does not match the manifest.
func serveBuild(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs("published")
	ts.Check(os.RemoveAll(dir))
	ts.Check(writeBuild(dir, "fresh"))
	if len(args) > 0 {
		ts.Check(os.WriteFile(filepath.Join(dir, "assets/lobby-fresh.js"), []byte("alert(1)"), 0o600))
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	ts.Defer(server.Close)
	ts.Setenv("SOURCE", server.URL+"/")
}

var lobbyScript = regexp.MustCompile(`/static/assets/lobby-[\w-]+\.js`)

// page returns the body of a page, which must have status 200.
func page(t *testing.T, address string) string {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", address, resp.Status, err)
	}
	return string(text)
}

// updateCommand returns the command update-templates for a data folder and a source.
func updateCommand(ctx context.Context, t *testing.T, dir, source string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, append([]string{"update-templates", "--data-dir", dir, "--frontend-url", source}, args...)...)
	cmd.Dir = t.TempDir()
	return cmd
}

// The server serves the new build, and continues to serve the files of the old build to open pages.
func TestRunningServerServesUpdatedFrontend(t *testing.T) {
	data, source := filepath.Join(t.TempDir(), "data"), t.TempDir()
	if err := writeBuild(source, "fresh"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(source)))
	t.Cleanup(server.Close)
	address, _ := startServer(t, data)
	before := lobbyScript.FindString(page(t, address))
	if before == "" {
		t.Fatal("the lobby has no script")
	}
	start := time.Now()
	out, err := updateCommand(t.Context(), t, data, server.URL).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("the update took %v: %s", time.Since(start), out)
	if after := lobbyScript.FindString(page(t, address)); after != "/static/assets/lobby-fresh.js" {
		t.Errorf("the lobby's script is %s", after)
	}
	page(t, address+before)
	page(t, address+"/static/assets/lobby-fresh.js")
	if out, err := updateCommand(t.Context(), t, data, server.URL, "--rollback").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if after := lobbyScript.FindString(page(t, address)); after != before {
		t.Errorf("after the rollback the lobby's script is %s", after)
	}
}

// One server takes the published build. Another one, whose source cannot be reached, serves its own build.
func TestServerUpdatesFrontendAutomatically(t *testing.T) {
	data, source := filepath.Join(t.TempDir(), "data"), t.TempDir()
	if err := writeBuild(source, "fresh"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(source)))
	t.Cleanup(server.Close)
	offline, _ := startServer(t, data, "--frontend-url", "http://127.0.0.1:1/", "--frontend-update", "hourly")
	page(t, offline)
	address, _ := startServer(t, filepath.Join(t.TempDir(), "data"), "--frontend-url", server.URL, "--frontend-update", "start")
	for deadline := time.Now().Add(10 * time.Second); lobbyScript.FindString(page(t, address)) != "/static/assets/lobby-fresh.js"; {
		if time.Now().After(deadline) {
			t.Fatal("the server does not update")
		}
	}
}

// The update is killed while it fetches a file. The next update continues from there.
func TestServerStartsAfterKilledUpdate(t *testing.T) {
	data, source := filepath.Join(t.TempDir(), "data"), t.TempDir()
	if err := writeBuild(source, "fresh"); err != nil {
		t.Fatal(err)
	}
	fetching, parts := make(chan struct{}, 1), make(chan string, 10)
	files := http.FileServer(http.Dir(source))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/lobby-fresh.js") {
			files.ServeHTTP(w, r)
			return
		}
		parts <- r.Header.Get("Range")
		if r.Header.Get("Range") != "" {
			files.ServeHTTP(w, r)
			return
		}
		text, _ := os.ReadFile(filepath.Join(source, "assets/lobby-fresh.js"))
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		_, _ = w.Write(text[:1000])
		_ = http.NewResponseController(w).Flush()
		fetching <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	cmd := updateCommand(t.Context(), t, data, server.URL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-fetching
	part := filepath.Join(data, "frontend", "incoming", "*", "parts", "*")
	for deadline := time.Now().Add(10 * time.Second); ; {
		found, _ := filepath.Glob(part)
		if len(found) == 1 {
			if info, err := os.Stat(found[0]); err == nil && info.Size() == 1000 {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the received part of the file is not stored")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the error says that it was killed

	address, _ := startServer(t, data)
	if script := lobbyScript.FindString(page(t, address)); script == "" || script == "/static/assets/lobby-fresh.js" {
		t.Errorf("after the kill the lobby's script is %q", script)
	}
	if out, err := updateCommand(t.Context(), t, data, server.URL).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if script := lobbyScript.FindString(page(t, address)); script != "/static/assets/lobby-fresh.js" {
		t.Errorf("after the next update the lobby's script is %q", script)
	}
	if first, second := <-parts, <-parts; first != "" || second != "bytes=1000-" {
		t.Errorf("requested the ranges %q and %q", first, second)
	}
}
