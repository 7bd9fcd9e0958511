package assets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Rollback makes the previous build the current one, or the embedded build if there is no previous one, and returns
// it. Automatic updates do not install the replaced build again.
func (s *Store) Rollback(embedded *Build, version string) (*Build, error) {
	release, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer func() { _ = release() }() // closing a file that nothing was written to
	r, err := s.read()
	if err != nil {
		return nil, err
	}
	if r.Current == "" {
		return nil, invalid("the front end in use is the one in this program; there is no earlier one")
	}
	b := embedded
	if r.Previous != "" {
		if b, err = s.open(r.Previous, version, embedded.Pages()); err != nil {
			return nil, err
		}
	}
	rolledBack := r.Current
	r = r.withCurrent(r.Previous)
	r.Previous, r.RolledBack = "", rolledBack // the build rolled back from is not a good one to return to
	return b, s.write(r)
}

// ListedBuild is one build in the result of List.
type ListedBuild struct {
	ID        string
	State     string    // such as "in use" or "replaced", in words for an operator
	Installed time.Time // when it was installed, zero for the embedded build
	Build     *Manifest // nil if the build cannot be used

	Problem error // why Build is nil
}

// List returns the installed builds and the embedded one, the build in use first.
func (s *Store) List(embedded *Build, version string) ([]ListedBuild, error) {
	r, err := s.read()
	if err != nil {
		return nil, err
	}
	own := ListedBuild{ID: embedded.ID, State: "in this program", Build: &embedded.Manifest}
	var list []ListedBuild
	if r.Current != "" {
		list = append(list, s.listedBuild(r.Current, "in use", embedded, version))
	} else {
		own.State = "in use, in this program"
	}
	for _, id := range s.previousBuilds(r) {
		state := "replaced"
		switch id {
		case r.Previous:
			state = "last good"
		case r.RolledBack:
			state = "rolled back"
		}
		l := s.listedBuild(id, state, embedded, version)
		if !errors.Is(l.Problem, fs.ErrNotExist) {
			list = append(list, l)
		}
	}
	return append(list, own), nil
}

// listedBuild describes one installed build. It reads and checks the whole build.
func (s *Store) listedBuild(id, state string, embedded *Build, version string) ListedBuild {
	l := ListedBuild{ID: id, State: state}
	info, err := os.Stat(s.path("builds", id))
	if err != nil {
		l.Problem = fmt.Errorf("read build: %w", err)
		return l
	}
	l.Installed = info.ModTime()
	b, err := s.open(id, version, embedded.Pages())
	if err != nil {
		l.Problem = err
		return l
	}
	l.Build = &b.Manifest
	return l
}
