package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

// Format is the number of the newest format that this version reads, and of the format that it writes. It changes when
// older versions can no longer restore a backup correctly.
const Format = 1

const (
	manifestName  = "manifest.json"
	filesPrefix   = "files/"
	streamsPrefix = "streams/"
)

// Limits of what a backup may contain. They bound the memory and the disk space that a crafted archive can use.
const (
	maxManifest = 16 << 20 // bytes
	maxEntries  = 50_000   // a build of the front end has about 100 files
	maxFiles    = 8 << 30  // bytes of all files when decompressed; streams are not compressed in the archive
)

// contents are the files and folders of a data folder that a backup contains, besides the streams. The file
// frontend/current names a build, so it comes before the builds: an update that happens meanwhile keeps the build that
// it replaces.
var contents = []string{"keys.yaml", "certs", "frontend/current", "frontend/builds"}

// swapped are the entries of a data folder that Restore replaces.
var swapped = []string{"keys.yaml", "certs", "frontend", "jetstream"}

// Errors of Open, Verify and Restore.
var (
	ErrDamaged  = errors.New("the file is not a complete backup of Meet: use another backup")
	ErrNotEmpty = errors.New("the data folder already has data: choose an empty one with --data-dir, or replace its data with --force")
)

// NewerError is returned for a backup in a format that this version cannot read.
type NewerError struct {
	Format  int
	Version string // version of Meet that made the backup
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("the backup was made by Meet %q in the newer format %d: update this Meet, which reads formats up to %d", e.Version, e.Format, Format)
}

// Manifest describes a backup.
type Manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"version"` // version of Meet that made the backup
	Created time.Time `json:"created"` // when the streams were copied
	Entries []Entry   `json:"entries"`
}

// Entry is one entry of the archive.
type Entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Files returns the number of files of the data folder in the backup.
func (m *Manifest) Files() int { return m.count(filesPrefix) }

// Streams returns the number of streams of the store in the backup.
func (m *Manifest) Streams() int { return m.count(streamsPrefix) }

func (m *Manifest) count(prefix string) (n int) {
	for _, e := range m.Entries {
		if strings.HasPrefix(e.Name, prefix) {
			n++
		}
	}
	return n
}

// check returns ErrDamaged if the list of entries contains a name or a size that Create would not write.
func (m *Manifest) check() error {
	var files int64
	seen := map[string]bool{}
	if len(m.Entries) > maxEntries {
		return ErrDamaged
	}
	for _, e := range m.Entries {
		folded := strings.ToLower(e.Name) // some file systems ignore the case of names
		if !validName(e.Name) || e.Size < 0 || seen[folded] {
			return ErrDamaged
		}
		seen[folded] = true
		if strings.HasPrefix(e.Name, filesPrefix) {
			if e.Size > maxFiles-files {
				return ErrDamaged
			}
			files += e.Size
		}
	}
	return nil
}

// validName reports whether an entry may have a name: a stream, or a path in contents that stays inside the data folder
// on every system.
func validName(name string) bool {
	if !fs.ValidPath(name) || strings.ContainsAny(name, `\:`) || strings.ContainsFunc(name, isControl) {
		return false
	}
	if stream, ok := strings.CutPrefix(name, streamsPrefix); ok {
		return path.Base(stream) == stream
	}
	file, ok := strings.CutPrefix(name, filesPrefix)
	if !ok {
		return false
	}
	for _, c := range contents {
		if file == c || strings.HasPrefix(file, c+"/") {
			return true
		}
	}
	return false
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
