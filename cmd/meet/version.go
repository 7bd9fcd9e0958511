package main

import (
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"meet/internal/app"
)

// commit and date are the commit that the program was built from and the commit's date. The linker sets them in
// scripts/release.sh.
var commit, date string

type version struct {
	JSON bool `name:"json" help:"Print the version as JSON."`
}

func (version) Help() string {
	return `Example:
  meet version --json`
}

// Run prints the version of Meet, the commit that it was built from, if known, and the versions of Go and the platform,
// which bug reports need.
func (v version) Run(env environment) error {
	var settings []debug.BuildSetting
	if info, ok := debug.ReadBuildInfo(); ok {
		settings = info.Settings
	}
	built := buildCommit(settings)
	if commit != "" {
		built = map[string]string{"commit": commit, "date": date}
	}
	if v.JSON {
		fields := map[string]string{"version": app.Version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH}
		maps.Copy(fields, built)
		return printJSON(env, fields)
	}
	details := []string{built["commit"], built["date"], runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	details = slices.DeleteFunc(details, func(s string) bool { return s == "" })
	_, err := fmt.Fprintf(env.stdout, "meet %s (%s)\n", app.Version, strings.Join(details, " "))
	return err
}

// buildCommit returns the commit that a program was built from and the commit's date, as "commit" and "date". Go adds
// them when it builds in a repository. The commit ends with "-modified" if files differed from it.
func buildCommit(settings []debug.BuildSetting) map[string]string {
	known := map[string]string{}
	for _, s := range settings {
		known[s.Key] = s.Value
	}
	built := map[string]string{}
	if commit := known["vcs.revision"]; commit != "" {
		built["commit"] = commit[:min(len(commit), 12)]
		if known["vcs.modified"] == "true" {
			built["commit"] += "-modified"
		}
	}
	if date := known["vcs.time"]; date != "" {
		built["date"] = date
	}
	return built
}
