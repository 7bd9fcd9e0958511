package app_test

import (
	"strings"
	"testing"

	"meet/internal/app"
	"meet/internal/config"
)

func TestUnsignedFrontendOverHTTPCausesAWarning(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*config.Config)
		warns  bool
	}{
		"no source":                             {func(*config.Config) {}, false},
		"GitHub":                                {func(c *config.Config) { c.FrontendRepository = "ada/build" }, false},
		"https":                                 {func(c *config.Config) { c.FrontendURL = "https://example.org/build/" }, false},
		"http":                                  {func(c *config.Config) { c.FrontendURL = "http://user:hunter2@example.org/build/?key=hunter2" }, true},
		"http, localhost":                       {func(c *config.Config) { c.FrontendURL = "http://localhost:8081/" }, false},
		"http, loopback":                        {func(c *config.Config) { c.FrontendURL = "http://[::1]:8081/" }, false},
		"http, signed":                          {func(c *config.Config) { c.FrontendURL, c.FrontendKey = "http://example.org/", "RW" }, false},
		"GitHub by http":                        {func(c *config.Config) { c.FrontendAPIURL = "http://git.example.org" }, true},
		"http, name that begins with localhost": {func(c *config.Config) { c.FrontendURL = "http://localhost.example.org/" }, true},
	} {
		var c config.Config
		tt.change(&c)
		got := app.FrontendWarning(c)
		if (got != "") != tt.warns || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
