package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// takeFolder makes the data folder, proves that it can be written, keeps other users of this machine from reading it, and
// keeps every other server out of it until release.
func takeFolder(dir string, log *slog.Logger) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder %s cannot be made: choose another with --data-dir (%w)", dir, errors.Unwrap(err))
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetFlag(os.O_RDWR|os.O_CREATE), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("the data folder %s cannot be written: give this user the right to, or choose another with --data-dir (%w)", dir, failed.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the data folder %s: %w", dir, err)
	}
	if !locked {
		return nil, fmt.Errorf("another Meet is using the data folder %s: stop it, or choose another with --data-dir", dir)
	}
	if err := tightenFolder(dir, log); err != nil {
		return nil, errors.Join(fmt.Errorf("other users of this machine can read the data folder %s, and that cannot be changed: choose another with --data-dir (%w)", dir, err), lock.Close())
	}
	return lock.Close, nil // the end of the process releases the lock too
}
