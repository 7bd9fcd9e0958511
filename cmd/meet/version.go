package main

import (
	"fmt"
	"runtime"

	"meet/internal/app"
)

type version struct{}

func (version) Help() string {
	return `Example:
  meet version`
}

// Run prints the version, and what it was built with for reports of mistakes.
func (version) Run(w world) error {
	_, err := fmt.Fprintf(w.stdout, "meet %s (%s %s/%s)\n", app.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
