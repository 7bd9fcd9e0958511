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

// ErrFolderInUse is returned for a data folder that another process uses.
var ErrFolderInUse = errors.New("another Meet is using the data folder")

// lockDataFolder creates the data folder if needed, checks that it is writable, removes the rights of other users of
// this machine, and locks the folder against other servers until release is called.
func lockDataFolder(dir string, log *slog.Logger) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder %s cannot be created: choose another with --data-dir (%w)", dir, errors.Unwrap(err))
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetFlag(os.O_RDWR|os.O_CREATE), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("the data folder %s is not writable: give this user write permission, or choose another with --data-dir (%w)", dir, failed.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the data folder %s: %w", dir, err)
	}
	if !locked {
		return nil, fmt.Errorf("%w %s: stop it, or choose another with --data-dir", ErrFolderInUse, dir)
	}
	if err := restrictDataFolder(dir, log); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot remove the rights of other users to the data folder %s: choose another with --data-dir (%w)", dir, err), lock.Close())
	}
	return lock.Close, nil // the end of the process releases the lock too
}
