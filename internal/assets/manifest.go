package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// Format is the version of the manifest's own form. It changes when an older Meet would misread a newer manifest.
const Format = 1

// Names of the files every build has, besides those of the pages.
const (
	manifestName = "manifest.json"
	listName     = "flist.txt" // every file that the manifest names, a line each
)

// Limits on what a build may be. The embedded one has about 30 files and 2 MB; what is far beyond that is a mistake or
// meant to fill the disk.
const (
	maxManifest = 1 << 20   // bytes
	maxFiles    = 2000      // files
	maxFile     = 32 << 20  // bytes; a speech or background model is the largest that is thought of
	maxTotal    = 128 << 20 // bytes
	maxPath     = 200       // bytes
)

// Manifest says what a build is made of and whom it is for.
type Manifest struct {
	Format int       `json:"format"`
	Meet   Versions  `json:"meet"`
	Made   time.Time `json:"made,omitzero"` // of the source that it was made from; builds embedded in the binary have none

	// What build-frontend was told of where the page shells stand. Scripts and styles work under any path.
	BasePath  string `json:"basePath,omitempty"`
	StaticURL string `json:"staticUrl,omitempty"`

	Entries map[string]Entry `json:"entries"` // by the name of the page
	Icon    string           `json:"icon"`
	Files   []File           `json:"files"`
}

// Versions is the range of Meet's versions that a build fits.
type Versions struct {
	From  string `json:"from"`  // the first that it fits
	Below string `json:"below"` // the first that it does not fit any more
}

// Entry lists the files that a page asks for before it works.
type Entry struct {
	Script   string   `json:"script"`
	Styles   []string `json:"styles"`
	Preloads []string `json:"preloads"` // scripts that Script imports, and fonts
}

// File is one file of a build.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // in hexadecimal
}

// ID names a build by what its manifest says, and the manifest names every byte of it: 64 bits, to tell a few builds apart.
func ID(manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return hex.EncodeToString(sum[:8])
}

// ParseManifest reads a manifest and refuses one that does not make sense, or makes more of itself than it may.
func ParseManifest(raw []byte) (*Manifest, error) {
	if len(raw) > maxManifest {
		return nil, invalid("the manifest is larger than %s, which is the most it may have", formatBytes(maxManifest))
	}
	var m Manifest
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&m); err != nil {
		return nil, invalid("the manifest cannot be read; this is no build of Meet's front end, or it is cut off")
	}
	if m.Format != Format {
		return nil, invalid("the manifest has format %d and this Meet reads format %d; take a build made for this version", m.Format, Format)
	}
	if !semver.IsValid("v"+m.Meet.From) || !semver.IsValid("v"+m.Meet.Below) {
		return nil, invalid("the manifest does not say which versions of Meet the build fits")
	}
	if err := m.checkFiles(); err != nil {
		return nil, err
	}
	return &m, m.checkEntries()
}

func (m *Manifest) checkFiles() error {
	if len(m.Files) > maxFiles {
		return invalid("the build has %d files, and at most %d are taken", len(m.Files), maxFiles)
	}
	var total int64
	seen := map[string]bool{manifestName: true, signatureName: true}
	for _, f := range m.Files {
		if err := checkPath(f.Path); err != nil {
			return err
		}
		// Some disks do not tell capitals from small letters.
		if lower := strings.ToLower(f.Path); seen[lower] {
			return invalid("the build names the file %q twice", f.Path)
		} else {
			seen[lower] = true
		}
		switch sum, err := hex.DecodeString(f.SHA256); {
		case err != nil || len(sum) != sha256.Size || f.SHA256 != strings.ToLower(f.SHA256):
			return invalid("the manifest has no SHA-256 sum of %q", f.Path)
		case f.Size < 0 || f.Size > maxFile:
			return invalid("the file %q would have %s, and at most %s are taken", f.Path, formatBytes(f.Size), formatBytes(maxFile))
		}
		if total += f.Size; total > maxTotal {
			return invalid("the build has more than %s, which is the most that is taken", formatBytes(maxTotal))
		}
	}
	return nil
}

// checkPath lets only such names through that mean the same file on every disk and in every address.
func checkPath(path string) error {
	if !fs.ValidPath(path) || path == "." {
		return invalid("the build names the file %q, which leaves the build's folder", path)
	}
	if len(path) > maxPath || strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@/") != "" {
		return invalid("the build names the file %q, and only letters, digits and . _ - @ are taken in at most %d characters", path, maxPath)
	}
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, ".") {
			return invalid("the build names the file %q, and hidden files are not taken", path)
		}
	}
	return nil
}

func (m *Manifest) checkEntries() error {
	if len(m.Entries) == 0 {
		return invalid("the manifest names no page")
	}
	has := map[string]bool{}
	for _, f := range m.Files {
		has[f.Path] = true
	}
	for name, e := range m.Entries {
		for _, path := range slices.Concat([]string{e.Script, m.Icon}, e.Styles, e.Preloads) {
			if !has[path] {
				return invalid("the page %q needs the file %q, which the build lacks", name, path)
			}
		}
	}
	return nil
}

// fits says why the build is not for a server of that version with these pages, or nil.
func (m *Manifest) checkFits(version string, pages []string) error {
	if v := "v" + version; semver.Compare(v, "v"+m.Meet.From) < 0 || semver.Compare(v, "v"+m.Meet.Below) >= 0 {
		return invalid("the build is for Meet from %s to below %s, and this is %s", m.Meet.From, m.Meet.Below, version)
	}
	for _, page := range pages {
		if _, ok := m.Entries[page]; !ok {
			return invalid("the build lacks the page %q, which this Meet has", page)
		}
	}
	return nil
}

// fitting is the range of a build made beside the server of that version: until the next version that may change
// what pages and server expect of each other. Below 1.0 that is the middle number.
func compatibleVersions(version string) (Versions, error) {
	var major, minor, patch int
	if n, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n != 3 || err != nil {
		return Versions{}, fmt.Errorf("read the version %q", version)
	}
	v := Versions{From: fmt.Sprintf("%d.%d.0", major, minor), Below: fmt.Sprintf("%d.%d.0", major, minor+1)}
	if major > 0 {
		v = Versions{From: version, Below: fmt.Sprintf("%d.0.0", major+1)}
	}
	return v, nil
}

// Size is the sum of all files.
func (m *Manifest) Size() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// Integrity is the file's sum as HTML spells it (https://www.w3.org/TR/SRI/#the-integrity-attribute).
func (f File) Integrity() string {
	sum, err := hex.DecodeString(f.SHA256)
	if err != nil {
		return "" // ParseManifest refuses it
	}
	return "sha256-" + base64.StdEncoding.EncodeToString(sum)
}
