package assets

import (
	"errors"
	"fmt"
	"os"
)

var errBusy = missing("another update of the front end is under way; wait until it has ended")

// lock keeps every other process from changing the shelf until release, or until this process ends.
func (s *Shelf) lock() (release func() error, err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of front ends: %w", err)
	}
	f, err := os.OpenFile(s.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the folder of front ends: %w", err)
	}
	if err := lockFile(f); err != nil {
		if errors.Is(err, errBusy) {
			return nil, errors.Join(errBusy, f.Close())
		}
		return nil, errors.Join(fmt.Errorf("lock the folder of front ends: %w", err), f.Close())
	}
	return f.Close, nil // closing releases the lock
}
