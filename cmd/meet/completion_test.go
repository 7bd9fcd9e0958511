package main

import (
	"os/exec"
	"testing"
)

func TestShellQuoteIsReadUnchangedByEveryShell(t *testing.T) {
	for _, shell := range []string{"sh", "bash", "zsh", "fish"} {
		if _, err := exec.LookPath(shell); err != nil {
			continue // not installed
		}
		for _, want := range []string{"", "two words", "the person's name", "''", `"$HOME" $(id) *`, "a; b & c"} {
			got, err := exec.Command(shell, "-c", "printf %s "+shellQuote(want)).Output()
			if err != nil || string(got) != want {
				t.Errorf("%s reads %s as %q, %v; want %q", shell, shellQuote(want), got, err, want)
			}
		}
	}
}
