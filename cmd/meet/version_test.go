package main

import (
	"maps"
	"runtime/debug"
	"testing"
)

func TestVersionNamesTheCommitThatTheProgramWasBuiltFrom(t *testing.T) {
	const commit = "9a47ed44b5b54a2bd3a7d9a8a53a2f1dd2e1c0de"
	for _, tt := range []struct {
		name     string
		settings []debug.BuildSetting
		want     map[string]string
	}{
		{
			"in a repository",
			[]debug.BuildSetting{{Key: "vcs.revision", Value: commit}, {Key: "vcs.time", Value: "2026-12-01T02:03:04Z"}, {Key: "vcs.modified", Value: "false"}},
			map[string]string{"commit": "9a47ed44b5b5", "date": "2026-12-01T02:03:04Z"},
		},
		{"with changed files", []debug.BuildSetting{{Key: "vcs.revision", Value: commit}, {Key: "vcs.modified", Value: "true"}}, map[string]string{"commit": "9a47ed44b5b5-modified"}},
		{"elsewhere", nil, map[string]string{}},
	} {
		if got := buildCommit(tt.settings); !maps.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
