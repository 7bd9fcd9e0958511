package arch

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxChangelogWords is the longest that a line of the changelog may be.
const maxChangelogWords = 30

var (
	version      = regexp.MustCompile(`^## (Unreleased|\d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2})$`)
	changeGroups = []string{"### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed", "### Security"}
)

// changelogFaults returns what is wrong with the form of a changelog (https://keepachangelog.com/en/1.1.0/).
func changelogFaults(text string) []string {
	var faults []string
	var inVersion, inGroup bool
	for i, line := range strings.Split(text, "\n") {
		fault := ""
		switch {
		case strings.HasPrefix(line, "## "):
			inVersion, inGroup = true, false
			if !version.MatchString(line) {
				fault = "the heading is neither Unreleased nor a version with its date"
			}
		case strings.HasPrefix(line, "### "):
			inGroup = true
			if !slices.Contains(changeGroups, line) {
				fault = "the group is not one of Keep a Changelog's"
			}
		case strings.HasPrefix(line, "- "):
			words := len(strings.Fields(line)) - 1
			switch {
			case !inVersion || !inGroup:
				fault = "the change is in no group of a version"
			case words > maxChangelogWords:
				fault = fmt.Sprintf("%d words, at most %d", words, maxChangelogWords)
			case !strings.HasSuffix(line, "."):
				fault = "the change does not end with a full stop"
			}
		case strings.HasPrefix(line, " "):
			fault = "the change is longer than one line"
		}
		if fault != "" {
			faults = append(faults, fmt.Sprintf("CHANGELOG.md:%d: %s", i+1, fault))
		}
	}
	return faults
}

func TestChangelogLinesAreShortAndGrouped(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range changelogFaults(string(text)) {
		t.Error(fault)
	}
}

func TestChangelogCheckFindsFaults(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"valid", "## 1.0.0 - 2026-01-02\n\n### Added\n\n- Rooms open.\n", ""},
		{"heading without a date", "## 1.0.0\n", "CHANGELOG.md:1: the heading is neither Unreleased nor a version with its date"},
		{"unknown group", "## Unreleased\n### News\n", "CHANGELOG.md:2: the group is not one of Keep a Changelog's"},
		{"change outside a group", "## Unreleased\n- Rooms open.\n", "CHANGELOG.md:2: the change is in no group of a version"},
		{"too long", "## Unreleased\n### Fixed\n- " + strings.Repeat("word ", 30) + "word.\n", "CHANGELOG.md:3: 31 words, at most 30"},
		{"no full stop", "## Unreleased\n### Fixed\n- Rooms open\n", "CHANGELOG.md:3: the change does not end with a full stop"},
		{"second line", "## Unreleased\n### Fixed\n- Rooms open.\n  And close.\n", "CHANGELOG.md:4: the change is longer than one line"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(changelogFaults(tt.text), "\n"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
