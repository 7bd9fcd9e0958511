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

// Store keeps the installed builds in a folder on disk:
//
//	current          names the build in use and the previous one; replaced by one rename
//	builds/<id>      complete builds, each checked before it was moved here
//	incoming/<id>    the downloaded part of a build that is not complete yet
//	lock             locked by the process that changes any of these
type Store struct {
	dir    string
	key    *Key         // verifies the signature of every build; nil accepts every build
	onStep func(string) // called by tests at each step of a change; nil otherwise
}

// NewStore returns a store in the folder dir, which need not exist yet. If key is not nil, the store opens only builds
// that were signed with it. This applies also to builds that were installed before the key was set.
func NewStore(dir string, key *Key) *Store { return &Store{dir: dir, key: key} }

// retention is how long a replaced build is kept: in memory for pages that are still open, and on disk for the pages
// of a meeting that outlasts a restart of the server. Meetings last hours.
const retention = 24 * time.Hour

// record is the content of the file "current". An empty ID means the embedded build.
type record struct {
	Current  string `json:"current"`
	Previous string `json:"previous"` // in use before Current
	// RolledBack is the build that an operator rolled back from. Automatic updates do not install it again.
	RolledBack string               `json:"rolledBack,omitempty"`
	Source     string               `json:"source,omitempty"`   // where Current was fetched from
	Revision   string               `json:"revision,omitempty"` // revision of Current at Source
	Retired    map[string]time.Time `json:"retired,omitempty"`  // when each replaced build was last in use, by ID
}

var errBadRecord = invalid("the file that names the front end in use cannot be read; run update-templates to write a new one")

var validID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// path returns the path of a file or folder in the store.
func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// read returns the record. Before the first installation it returns the zero record.
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

// write replaces the record atomically: readers see the old or the new record, also after a power failure.
func (s *Store) write(r record) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode which front end is in use: %w", err)
	}
	f, err := os.CreateTemp(s.dir, "current-*") // CreateTemp makes it 0600
	if err != nil {
		return fmt.Errorf("write which front end is in use: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // fails after the rename, which is fine
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

// open reads and checks an installed build, including its signature.
func (s *Store) open(id, version string, pages []string) (*Build, error) {
	return s.openFolder(s.path("builds", id), version, pages)
}

// openFolder reads and checks the build in a folder, including its signature. It does not follow links out of the
// folder.
func (s *Store) openFolder(dir, version string, pages []string) (*Build, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, invalid("the build's folder %s is missing", dir)
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

// install moves the complete build b from folder into the store and makes it the current build.
func (s *Store) install(folder string, b *Build, source, revision string) error {
	r, err := s.read()
	if err != nil && !errors.Is(err, errBadRecord) {
		return err
	}
	if err := os.MkdirAll(s.path("builds"), 0o700); err != nil {
		return fmt.Errorf("write build: %w", err)
	}
	target := s.path("builds", b.ID)
	if folder != target {
		if err := os.RemoveAll(target); err != nil { // a damaged build, since an intact one is not fetched again
			return fmt.Errorf("write build: %w", err)
		}
		s.reached("place cleared")
		if err := os.Rename(folder, target); err != nil {
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

// withCurrent returns the record that applies when the build with the given ID has replaced the current one.
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

// prune removes builds that no open page can need, and the temporary files of updates. If it is interrupted, the next
// call removes the rest.
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

// previousBuilds returns the IDs of the builds that were current before and that open pages may still use. The most
// recently replaced build comes first.
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

// reached notifies a test that a change has reached the named step.
func (s *Store) reached(step string) {
	if s.onStep != nil {
		s.onStep(step)
	}
}

// syncFolder makes the names of files in a folder survive a power failure. Errors of the sync itself are ignored:
// file systems that do not support it do not need it.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	_ = f.Sync()
	return f.Close()
}
