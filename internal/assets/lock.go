package assets

import (
	"fmt"
	"os"

	"github.com/gofrs/flock"
)

var errBusy = unavailable("another update of the front end is in progress; wait until it has ended")

// lock prevents other processes from changing the store until release is called or this process ends. It returns
// errBusy immediately if the store is locked.
func (s *Store) lock() (release func() error, err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the folder of front ends: %w", err)
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
