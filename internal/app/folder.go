package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// errHeld is returned by lock for a file that another process has locked.
var errHeld = errors.New("locked")

// takeFolder makes the data folder, proves that it can be written, keeps other users of this machine from reading it, and
// keeps every other server out of it until release.
func takeFolder(dir string, log *slog.Logger) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder %s cannot be made: choose another with --data-dir (%w)", dir, errors.Unwrap(err))
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder %s cannot be written: give this user the right to, or choose another with --data-dir (%w)", dir, errors.Unwrap(err))
	}
	switch err := lock(f); {
	case errors.Is(err, errHeld):
		return nil, errors.Join(fmt.Errorf("another Meet is using the data folder %s: stop it, or choose another with --data-dir", dir), f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock the data folder %s: %w", dir, err), f.Close())
	}
	if err := tightenFolder(dir, log); err != nil {
		return nil, errors.Join(fmt.Errorf("other users of this machine can read the data folder %s, and that cannot be changed: choose another with --data-dir (%w)", dir, err), f.Close())
	}
	return f.Close, nil // closing releases the lock, as does the end of the process
}
