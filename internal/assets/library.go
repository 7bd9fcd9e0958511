package assets

import (
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// maxOlder bounds the memory of replaced builds, of about 2 MB each, on a server where somebody is always meeting.
	maxReplaced = 8
)

// LibraryOptions is what a library may be told.
type LibraryOptions struct {
	// Since is when the longest of the meetings began that go on, zero when there is none: whoever is in one may still
	// need the build that was in use then.
	OldestMeeting func() time.Time
	Log           *slog.Logger
}

// Library is the builds that a running server serves. It sees by itself when a build is put on the shelf, by this
// process or another.
type Library struct {
	embedded *Build
	store    *Store
	version  string
	options  LibraryOptions

	mu         sync.Mutex
	current    *Build
	replaced   []replacedBuild // the latest first
	recordInfo os.FileInfo     // the record that current was read from, nil if there was none
}

type replacedBuild struct {
	build      *Build
	replacedAt time.Time
}

// NewLibrary returns that of a shelf, or, where it has none that is good, of the embedded build.
func NewLibrary(embedded *Build, s *Store, version string, o LibraryOptions) *Library {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OldestMeeting == nil {
		o.OldestMeeting = func() time.Time { return time.Time{} }
	}
	l := &Library{embedded: embedded, store: s, version: version, options: o, current: embedded}
	if r, err := s.read(); err == nil {
		for _, id := range s.previousBuilds(r) {
			// One that cannot be read is one that no page gets.
			if b, err := s.open(id, version, embedded.Pages()); err == nil && len(l.replaced) < maxReplaced {
				l.replaced = append(l.replaced, replacedBuild{b, r.Retired[id]})
			}
		}
	}
	l.Current()
	return l
}

// Current is the build that new pages use. It costs a look at a file's date.
func (l *Library) Current() *Build {
	info, err := os.Stat(l.store.path("current"))
	if err != nil {
		info = nil // nothing was taken yet
	}
	l.mu.Lock()
	before, known := l.current, sameFile(info, l.recordInfo)
	l.mu.Unlock()
	if known {
		return before
	}
	since := l.options.OldestMeeting()
	l.mu.Lock()
	l.recordInfo = info
	problem := l.refreshLocked(since)
	b := l.current
	l.mu.Unlock()
	if problem != nil {
		l.options.Log.Warn("front end not usable", "using", b.ID, "err", problem)
	}
	if b != before {
		l.options.Log.Info("front end in use", "build", b.ID, "before", before.ID)
	}
	return b
}

// refreshLocked takes what is on the shelf: the build in use, the last good one, or else the embedded one. Its error
// says why it is not the first.
func (l *Library) refreshLocked(since time.Time) error {
	r, err := l.store.read()
	if err != nil {
		return err
	}
	var problem error
	for _, id := range []string{r.Current, r.Previous, ""} {
		b := l.embedded
		if id != "" {
			if b, err = l.openLocked(id); err != nil {
				problem = err
				continue
			}
		}
		l.setCurrentLocked(b, since)
		break
	}
	return problem
}

// openLocked returns a build from memory where it is there.
func (l *Library) openLocked(id string) (*Build, error) {
	if l.current.ID == id {
		return l.current, nil
	}
	return l.store.open(id, l.version, l.embedded.Pages())
}

// useLocked makes a build the current one, and lets those go that nobody can need.
func (l *Library) setCurrentLocked(b *Build, since time.Time) {
	now := time.Now()
	if l.current != b && l.current != l.embedded {
		l.replaced = slices.Insert(l.replaced, 0, replacedBuild{l.current, now})
	}
	l.current = b
	l.replaced = slices.DeleteFunc(l.replaced, func(r replacedBuild) bool {
		needed := now.Sub(r.replacedAt) < retention || !since.IsZero() && since.Before(r.replacedAt)
		return !needed || r.build.ID == b.ID
	})
	l.replaced = l.replaced[:min(len(l.replaced), maxReplaced)]
}

// With returns the newest build that has the file, or nil.
func (l *Library) BuildWithFile(file string) *Build {
	current := l.Current()
	if _, ok := current.File(file); ok {
		return current
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.replaced {
		if _, ok := r.build.File(file); ok {
			return r.build
		}
	}
	if _, ok := l.embedded.File(file); ok {
		return l.embedded
	}
	return nil
}

func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
