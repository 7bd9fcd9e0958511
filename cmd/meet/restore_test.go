package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meet/internal/backup"
)

func TestFailedRestoreSaysWhatHasChanged(t *testing.T) {
	untouched, incomplete := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(incomplete, backup.RestoringName), 0o700); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("the disk is full")
	for name, tt := range map[string]struct {
		dir, previous string
		err           error
		want          string
	}{
		"nothing":       {untouched, "", failure, "the disk is full"},
		"previous data": {incomplete, "before-restore-1", failure, "the previous data is in " + filepath.Join(incomplete, "before-restore-1") + ": run the restore again with --force"},
		"new data only": {incomplete, "", failure, "the data folder is incomplete: run the restore again with --force"},
		"before":        {incomplete, "", backup.ErrInterrupted, backup.ErrInterrupted.Error()},
	} {
		if err := restoreError(tt.err, tt.dir, tt.previous); !errors.Is(err, tt.err) || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
