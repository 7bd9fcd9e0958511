package assets

import (
	"fmt"
	"os"

	"github.com/gofrs/flock"
)

var errBusy = unavailable("another update of the front end is under way; wait until it has ended")

// lock keeps every other process from changing the shelf until release, or until this process ends.
func (s *Store) lock() (release func() error, err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of front ends: %w", err)
	}
	lock := flock.New(s.path("lock"), flock.SetFlag(os.O_RDWR|os.O_CREATE), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the folder of front ends: %w", err)
	}
	if !locked {
		return nil, errBusy
	}
	return lock.Close, nil
}
