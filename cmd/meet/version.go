package main

import (
	"fmt"
	"runtime"

	"meet/internal/app"
)

type version struct {
	JSON bool `name:"json" help:"Print the version as JSON."`
}

func (version) Help() string {
	return `Example:
  meet version --json`
}

// Run prints the version of Meet, and those of Go and the platform, which bug reports need.
func (v version) Run(env environment) error {
	if v.JSON {
		return printJSON(env, map[string]string{"version": app.Version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
	}
	_, err := fmt.Fprintf(env.stdout, "meet %s (%s %s/%s)\n", app.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
