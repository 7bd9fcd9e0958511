package assets

import (
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// maxReplaced bounds the number of replaced builds in memory. Each has about 2 MB. On a server that always has a
	// meeting in progress, they would otherwise accumulate.
	maxReplaced = 8
)

// LibraryOptions configures a Library. The zero value logs nothing and assumes that no meeting is in progress.
type LibraryOptions struct {
	// OldestMeeting returns the start time of the oldest meeting in progress, or the zero time if there is none. The
	// participants of this meeting may still need files of the build that was in use at that time.
	OldestMeeting func() time.Time
	Log           *slog.Logger
}

// Library holds the builds that a running server serves. It notices by itself when this process or another one
// changes which build of the store is in use.
type Library struct {
	embedded *Build
	store    *Store
	version  string
	options  LibraryOptions

	mu         sync.Mutex
	current    *Build
	replaced   []replacedBuild // the most recently replaced first
	recordInfo os.FileInfo     // of the file "current" when it was last read, nil if there was none
}

// replacedBuild is a former current build, which open pages may still use, with the time at which it was replaced.
type replacedBuild struct {
	build      *Build
	replacedAt time.Time
}

// NewLibrary returns a Library that serves the store's build in use. If that build cannot be loaded, the Library serves
// the previous one. If that cannot be loaded either, it serves the embedded build.
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
			// A build that cannot be read is skipped: no page can use it.
			if b, err := s.open(id, version, embedded.Pages()); err == nil && len(l.replaced) < maxReplaced {
				l.replaced = append(l.replaced, replacedBuild{b, r.Retired[id]})
			}
		}
	}
	l.Current()
	return l
}

// Current returns the build with which new pages are served. If the store has not changed since the last call, a call
// costs one stat of a file.
func (l *Library) Current() *Build {
	info, err := os.Stat(l.store.path("current"))
	if err != nil {
		info = nil // nothing has been installed yet
	}
	l.mu.Lock()
	before, known := l.current, sameFile(info, l.recordInfo)
	l.mu.Unlock()
	if known {
		return before
	}
	oldestMeeting := l.options.OldestMeeting()
	l.mu.Lock()
	l.recordInfo = info
	problem := l.refreshLocked(oldestMeeting)
	b := l.current
	l.mu.Unlock()
	if problem != nil {
		l.options.Log.Warn("the front end cannot be used", "using", b.ID, "err", problem)
	}
	if b != before {
		l.options.Log.Info("the front end has changed", "build", b.ID, "before", before.ID)
	}
	return b
}

// refreshLocked makes the store's build in use the current build of l. If that build cannot be loaded, the previous build
// becomes current, and if that cannot be loaded either, the embedded one. It returns the error of the last build that
// could not be loaded. If the store's record cannot be read, it only returns an error. l.mu is held.
func (l *Library) refreshLocked(oldestMeeting time.Time) error {
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
		l.setCurrentLocked(b, oldestMeeting)
		break
	}
	return problem
}

// openLocked returns the build with the given ID. It reads the build from the store unless it is the current one. l.mu is
// held.
func (l *Library) openLocked(id string) (*Build, error) {
	if l.current.ID == id {
		return l.current, nil
	}
	return l.store.open(id, l.version, l.embedded.Pages())
}

// setCurrentLocked makes b the current build and drops replaced builds that no open page can need. oldestMeeting is the
// start time of the oldest meeting in progress, zero if there is none. l.mu is held.
func (l *Library) setCurrentLocked(b *Build, oldestMeeting time.Time) {
	now := time.Now()
	if l.current != b && l.current != l.embedded {
		l.replaced = slices.Insert(l.replaced, 0, replacedBuild{l.current, now})
	}
	l.current = b
	l.replaced = slices.DeleteFunc(l.replaced, func(r replacedBuild) bool {
		needed := now.Sub(r.replacedAt) < retention || !oldestMeeting.IsZero() && oldestMeeting.Before(r.replacedAt)
		return !needed || r.build.ID == b.ID
	})
	l.replaced = l.replaced[:min(len(l.replaced), maxReplaced)]
}

// BuildWithFile returns the newest build that has the file, or nil.
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

// sameFile reports whether a and b are both nil, or both describe the same unchanged file.
func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
