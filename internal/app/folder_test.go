//go:build unix

package app_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meet/internal/app"
	"meet/internal/config"
	"meet/test/harness"
)

// worldReadableFolder creates a data folder that everybody can read, with keys that everybody can read.
func worldReadableFolder(t *testing.T, others ...string) config.Config {
	t.Helper()
	cfg := harness.Settings(t)
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(others, "keys.yaml", "lock") {
		path := filepath.Join(cfg.DataDir, name)
		if err := os.WriteFile(path, []byte("key: a-secret-that-is-long-enough-for-hs256\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o644); err != nil { // independent of the umask
			t.Fatal(err)
		}
	}
	if err := os.Chmod(cfg.DataDir, 0o755); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// openLogged opens and closes an app and returns its log.
func openLogged(t *testing.T, cfg config.Config) string {
	t.Helper()
	var log bytes.Buffer
	a, err := app.New(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return log.String()
}

// wantModes checks the modes of files in the folder dir. The name "" stands for the folder itself.
func wantModes(t *testing.T, dir string, want map[string]os.FileMode) {
	t.Helper()
	for name, mode := range want {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v, want mode %v", name, info.Mode(), err, mode)
		}
	}
}

func TestExistingDataFolderBecomesPrivate(t *testing.T) {
	cfg := worldReadableFolder(t)
	log := openLogged(t, cfg)
	wantModes(t, cfg.DataDir, map[string]os.FileMode{"": 0o700, "keys.yaml": 0o600, "lock": 0o600})
	for _, want := range []string{"name=. mode=-rwxr-xr-x", "name=keys.yaml mode=-rw-r--r--"} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in %s", want, log)
		}
	}
	if log := openLogged(t, cfg); log != "" {
		t.Errorf("the second start logs %s", log)
	}
}

// Only the secret files in the folder become private.
func TestDataFolderWithForeignFilesKeepsItsPermissions(t *testing.T) {
	cfg := worldReadableFolder(t, "somebody's file")
	log := openLogged(t, cfg)
	wantModes(t, cfg.DataDir, map[string]os.FileMode{"": 0o755, "keys.yaml": 0o600, "lock": 0o600, "somebody's file": 0o644})
	if !strings.Contains(log, "chmod 700") || !strings.Contains(log, "somebody's file") {
		t.Errorf("it logs %s", log)
	}
}

func TestDataFolderOwnedByAnotherUserKeepsItsPermissions(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	cfg := worldReadableFolder(t)
	if err := os.Chown(cfg.DataDir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	log := openLogged(t, cfg)
	wantModes(t, cfg.DataDir, map[string]os.FileMode{"": 0o755, "keys.yaml": 0o600})
	if !strings.Contains(log, "belongs to another user") {
		t.Errorf("it logs %s", log)
	}
}
