package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// startBackup starts meet backup against a server that sends half a backup and then waits until the returned function
// is called, which breaks the connection. It returns when some of the backup has been written to a temporary file.
func startBackup(t *testing.T, file string) (cmd *exec.Cmd, breakConnection func()) {
	t.Helper()
	broken := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/zip")
		_, _ = w.Write(make([]byte, 1<<20)) // an error would fail the test's assertions
		_ = http.NewResponseController(w).Flush()
		select {
		case <-broken:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	cmd = exec.Command(binary, "backup", file, "--url", server.URL, "--api-key", "key", "--api-secret", "a-secret-that-is-long-enough-for-hs256")
	cmd.Dir, cmd.Stderr = t.TempDir(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // usually ended already
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
		for _, name := range partialFiles(t, file) {
			if info, err := os.Stat(name); err == nil && info.Size() > 0 {
				return cmd, func() { close(broken) }
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is written")
		}
	}
}

// partialFiles returns the temporary files of a backup.
func partialFiles(t *testing.T, file string) []string {
	names, err := filepath.Glob(filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+"-*.partial"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestKilledBackupLeavesNoFileUnderItsName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.backup")
	cmd, _ := startBackup(t, file)
	if err := cmd.Process.Kill(); err != nil { // SIGKILL
		t.Fatal(err)
	}
	_ = cmd.Wait() // the error says that it was killed
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file exists: %v", err)
	}
}

func TestBackupWhoseConnectionBreaksFailsAndLeavesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.backup")
	cmd, breakConnection := startBackup(t, file)
	breakConnection()
	if err := cmd.Wait(); err == nil {
		t.Error("it succeeds")
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}
