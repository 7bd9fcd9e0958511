package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestBackupOverPlainHTTPIsRefused(t *testing.T) {
	for _, address := range []string{"http://meet.example.org", "ws://192.0.2.7:8080"} {
		var errs bytes.Buffer
		args := []string{"backup", filepath.Join(t.TempDir(), "a.backup"), "--url", address, "--api-key", "key", "--api-secret", "a-secret-that-is-long-enough-for-hs256"}
		if status := run(t.Context(), args, environment{nil, strings.NewReader(""), &bytes.Buffer{}, &errs}); status != 2 || !strings.Contains(errs.String(), "want a URL with https") {
			t.Errorf("%s: status %d, %s", address, status, errs.String())
		}
	}
	for _, address := range []string{"https://meet.example.org", "wss://meet.example.org", "http://localhost:8080", "http://127.0.0.2:8080", "http://[::1]:8080"} {
		if !isPrivateURL(address) {
			t.Errorf("%s is refused", address)
		}
	}
}
