package assets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Rollback puts the last good build in the place of the current one, and remembers not to take that one again unasked.
// It returns the build that is then in use.
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
		return nil, invalid("the front end in use is the one of this program; there is none before it")
	}
	b := embedded
	if r.Previous != "" {
		if b, err = s.open(r.Previous, version, embedded.Pages()); err != nil {
			return nil, err
		}
	}
	left := r.Current
	r = r.withCurrent(r.Previous)
	r.Previous, r.RolledBack = "", left // what was left is not the last good one
	return b, s.write(r)
}

// Entry of the list of builds.
type ListedBuild struct {
	ID    string
	State string    // what it is to the server
	Taken time.Time // zero for the embedded one
	Build *Manifest // nil when it cannot be used, and then Problem says why

	Problem error
}

// List tells which builds there are, the one in use first.
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

func (s *Store) listedBuild(id, state string, embedded *Build, version string) ListedBuild {
	l := ListedBuild{ID: id, State: state}
	info, err := os.Stat(s.path("builds", id))
	if err != nil {
		l.Problem = fmt.Errorf("read build: %w", err)
		return l
	}
	l.Taken = info.ModTime()
	b, err := s.open(id, version, embedded.Pages())
	if err != nil {
		l.Problem = err
		return l
	}
	l.Build = &b.Manifest
	return l
}
