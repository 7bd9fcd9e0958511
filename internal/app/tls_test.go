package app_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meet/internal/app"
	"meet/internal/certs"
	"meet/internal/config"
	"meet/test/harness"
)

// lanSettings returns the settings of a server with a LAN authority.
func lanSettings(t *testing.T) config.Config {
	t.Helper()
	cfg := harness.Settings(t)
	cfg.LAN = true
	return cfg
}

// certsDir returns the folder of a data folder that contains certificates.
func certsDir(cfg config.Config) string { return filepath.Join(cfg.DataDir, "certs") }

func TestLANCertificateIsValidForTheNodeIP(t *testing.T) {
	cfg := lanSettings(t)
	cfg.NodeIP = "198.51.100.9"
	s := start(t, cfg)
	if err := s.Certificates().(*certs.LAN).Leaf().VerifyHostname(cfg.NodeIP); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(certsDir(cfg)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v (%v), want 0700", info.Mode(), err)
	}
}

func TestStartFailsWithASentenceIfCertificatesCannotBeUsed(t *testing.T) {
	for name, tt := range map[string]struct {
		settings func(*config.Config)
		want     string
	}{
		"missing files": {func(c *config.Config) { c.TLSCert, c.TLSKey = "/none/cert.pem", "/none/key.pem" }, "set tls_cert to a file that this user can read"},
		"damaged authority": {func(c *config.Config) {
			c.LAN = true
			if err := os.MkdirAll(certsDir(*c), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(certsDir(*c), "lan-authority.pem"), []byte("damaged"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "restore the file from a backup"},
		"folder that is a file": {func(c *config.Config) {
			c.LAN = true
			if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(certsDir(*c), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "give this user write permission"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := harness.Settings(t)
			tt.settings(&cfg)
			_, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one sentence with %q", err, tt.want)
			}
		})
	}
}
