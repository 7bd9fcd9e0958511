package assets

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// Shelf is the folder of the builds that were taken:
//
//	current          which build is in use, and which was before it; replaced by one rename
//	builds/<id>      whole builds, each checked before it got its name
//	incoming/<id>    what has been fetched of one that is not whole yet
//	lock             held by the process that changes any of these
type Store struct {
	dir    string
	key    *Key         // that must have signed the builds; nil if none must
	onStep func(string) // tells tests how far a change has come; nil in programs
}

// NewShelf returns the one in a folder, which need not exist yet. With a key it gives out only builds that are signed by it,
// whenever they were taken.
func NewStore(dir string, key *Key) *Store { return &Store{dir: dir, key: key} }

// keepRetired is how long a build stays after another has replaced it, for pages that are open and, on the disk, for
// those of a meeting during which the server restarts. Meetings last hours.
const retention = 24 * time.Hour

// record is what the file current says. An empty ID is the embedded build.
type record struct {
	Current  string `json:"current"`
	Previous string `json:"previous"` // the last good one
	// RolledBack is the build that an operator went back from; it is not taken again unasked.
	RolledBack string               `json:"rolledBack,omitempty"`
	Source     string               `json:"source,omitempty"`   // that Current came from
	Revision   string               `json:"revision,omitempty"` // of it there
	Retired    map[string]time.Time `json:"retired,omitempty"`  // when each build on the shelf was last in use
}

var errBadRecord = invalid("the file that says which front end is in use cannot be read; update-templates makes a new one")

var validID = regexp.MustCompile(`^[0-9a-f]{16}$`)

func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// read returns the record; without a file, that of a shelf that nothing was put on.
func (s *Store) read() (r record, err error) {
	raw, err := os.ReadFile(s.path("current"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read which front end is in use: %w", err)
	}
	if json.Unmarshal(raw, &r) != nil || r.Current != "" && !validID.MatchString(r.Current) || r.Previous != "" && !validID.MatchString(r.Previous) {
		return record{}, errBadRecord
	}
	return r, nil
}

// write replaces the record: a reader sees the one before or the new one, and so does the next start after a power cut.
func (s *Store) write(r record) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode which front end is in use: %w", err)
	}
	f, err := os.CreateTemp(s.dir, "current-*") // CreateTemp makes it 0600
	if err != nil {
		return fmt.Errorf("write which front end is in use: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already once renamed
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write which front end is in use: %w", err)
	}
	s.reached("record written")
	if err := os.Rename(f.Name(), s.path("current")); err != nil {
		return fmt.Errorf("write which front end is in use: %w", err)
	}
	s.reached("swapped")
	return syncFolder(s.dir)
}

// open reads a build of the shelf.
func (s *Store) open(id, version string, pages []string) (*Build, error) {
	return s.openFolder(s.path("builds", id), version, pages)
}

// openFolder does not follow links that lead out of the folder.
func (s *Store) openFolder(dir, version string, pages []string) (*Build, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, invalid("the build's folder %s is gone", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open build: %w", err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	b, err := Open(root.FS(), version, pages)
	if err != nil {
		return nil, err
	}
	manifest, _ := b.File(manifestName)
	if err := s.key.verify(manifest.Bytes, b.signature); err != nil {
		return nil, err
	}
	return b, nil
}

// put makes the whole build in a folder the current one.
func (s *Store) install(from string, b *Build, source, revision string) error {
	r, err := s.read()
	if err != nil && !errors.Is(err, errBadRecord) {
		return err
	}
	if err := os.MkdirAll(s.path("builds"), 0o700); err != nil {
		return fmt.Errorf("write build: %w", err)
	}
	target := s.path("builds", b.ID)
	if from != target {
		if err := os.RemoveAll(target); err != nil { // a broken one: a good one is not fetched again
			return fmt.Errorf("write build: %w", err)
		}
		s.reached("place cleared")
		if err := os.Rename(from, target); err != nil {
			return fmt.Errorf("write build: %w", err)
		}
		s.reached("build placed")
		if err := syncFolder(s.path("builds")); err != nil {
			return err
		}
	}
	if r.Current != b.ID {
		r = r.withCurrent(b.ID)
	}
	r.RolledBack, r.Source, r.Revision = "", source, revision
	if err := s.write(r); err != nil {
		return err
	}
	return s.prune(r)
}

// over is the record once that build has replaced the current one.
func (r record) withCurrent(id string) record {
	if r.Retired == nil {
		r.Retired = map[string]time.Time{}
	}
	if r.Current != "" {
		r.Retired[r.Current] = time.Now()
	}
	delete(r.Retired, id)
	r.Current, r.Previous = id, r.Current
	return r
}

// prune removes what no page can need any more. Whatever is left of an interrupted one goes with the next.
func (s *Store) prune(r record) error {
	entries, err := os.ReadDir(s.path("builds"))
	if err != nil {
		return fmt.Errorf("prune builds: %w", err)
	}
	for _, e := range entries {
		id := e.Name()
		if id == r.Current || id == r.Previous || time.Since(r.Retired[id]) < retention {
			continue
		}
		s.reached("pruning")
		if err := os.RemoveAll(s.path("builds", id)); err != nil {
			return fmt.Errorf("prune builds: %w", err)
		}
	}
	if err := os.RemoveAll(s.path("incoming")); err != nil {
		return fmt.Errorf("prune builds: %w", err)
	}
	leftovers, err := filepath.Glob(s.path("current-*"))
	for _, name := range leftovers {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// older lists the builds besides the current one that open pages may be of, the latest first.
func (s *Store) previousBuilds(r record) []string {
	ids := []string{}
	if r.Previous != "" {
		ids = append(ids, r.Previous)
	}
	for id := range r.Retired {
		if id != r.Current && !slices.Contains(ids, id) && validID.MatchString(id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(r.Retired[b].Compare(r.Retired[a]), cmp.Compare(a, b))
	})
	return ids
}

func (s *Store) reached(step string) {
	if s.onStep != nil {
		s.onStep(step)
	}
}

// syncFolder makes names in a folder survive a power cut. Where folders cannot be synced, they need not be.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	_ = f.Sync()
	return f.Close()
}
