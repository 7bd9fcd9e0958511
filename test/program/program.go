// Package program builds the meet binary for tests that run it.
package program

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Main builds the binary, stores the path of the binary in *path, runs the tests of m, and exits with their status.
// TestMain of a package calls Main.
func Main(m *testing.M, path *string) {
	status, err := buildAndRun(m, path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func buildAndRun(m *testing.M, path *string) (status int, err error) {
	dir, err := os.MkdirTemp("", "meet")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	*path = filepath.Join(dir, "meet")
	if out, err := exec.Command("go", "build", "-o", *path, "meet/cmd/meet").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, out)
	}
	return m.Run(), nil
}
