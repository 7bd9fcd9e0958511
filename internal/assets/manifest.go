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

// Format is the version of the manifest's format. It is increased when an older Meet would misread a newer manifest.
const Format = 1

// Names of the files that every build has.
const (
	manifestName = "manifest.json"
	listName     = "flist.txt" // lists the files of the manifest, one per line
)

// Limits of a build. They are far above the size of the embedded build. A build that exceeds them is a mistake or an
// attempt to fill the disk.
const (
	maxManifest = 1 << 20   // bytes
	maxFiles    = 2000      // files
	maxFile     = 32 << 20  // bytes; a model for speech recognition or background blur is the largest expected file
	maxTotal    = 128 << 20 // bytes
	maxPath     = 200       // bytes
)

// Manifest lists the files and pages of a build, and the versions of Meet that it is made for. It is the JSON of
// manifest.json.
type Manifest struct {
	Format int       `json:"format"`
	Meet   Versions  `json:"meet"`
	Made   time.Time `json:"made,omitzero"` // date of the source code; builds embedded in the binary have none

	// BasePath and StaticURL are the locations of the pages and of the build in the links of the page shells, as given to
	// "meet build-frontend". Scripts and styles work under any path.
	BasePath  string `json:"basePath,omitempty"`
	StaticURL string `json:"staticUrl,omitempty"`

	Entries map[string]Entry `json:"entries"` // by page name
	Icon    string           `json:"icon"`
	Files   []File           `json:"files"`
}

// Versions is the half-open range [From, Below) of Meet versions that a build works with.
type Versions struct {
	From  string `json:"from"`  // first version that the build works with
	Below string `json:"below"` // first version that it does not work with any more
}

// Entry lists the files that a page loads before it works. The strings are paths of files in the build.
type Entry struct {
	Script   string   `json:"script"`
	Styles   []string `json:"styles"`
	Preloads []string `json:"preloads"` // scripts that Script imports, and fonts
}

// File is the description of one file of a build in its manifest.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // lower-case hexadecimal
}

// ID returns the identifier of a build: the first 64 bits of the SHA-256 sum of its manifest, in hexadecimal. The
// manifest contains the sums of all files, so two builds with the same ID are the same.
func ID(manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return hex.EncodeToString(sum[:8])
}

// ParseManifest reads a manifest. It returns an error if the manifest is incomplete, contradicts itself, or exceeds
// the limits on builds.
func ParseManifest(raw []byte) (*Manifest, error) {
	if len(raw) > maxManifest {
		return nil, invalid("the manifest is larger than the %s that are allowed", formatBytes(maxManifest))
	}
	var m Manifest
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&m); err != nil {
		return nil, invalid("the manifest cannot be read; this is not a build of Meet's front end, or the file is truncated")
	}
	if m.Format != Format {
		return nil, invalid("the manifest has format %d and this Meet reads format %d; use a build made for this version", m.Format, Format)
	}
	if !semver.IsValid("v"+m.Meet.From) || !semver.IsValid("v"+m.Meet.Below) {
		return nil, invalid("the manifest does not say which versions of Meet the build works with")
	}
	if err := m.checkFiles(); err != nil {
		return nil, err
	}
	return &m, m.checkEntries()
}

// checkFiles returns an error if a path, sum or size in the list of files is not allowed, or if there are too many
// files.
func (m *Manifest) checkFiles() error {
	if len(m.Files) > maxFiles {
		return invalid("the build has %d files, and at most %d are allowed", len(m.Files), maxFiles)
	}
	var total int64
	seen := map[string]bool{manifestName: true, signatureName: true}
	for _, f := range m.Files {
		if err := checkPath(f.Path); err != nil {
			return err
		}
		// Some file systems are not case-sensitive.
		if lower := strings.ToLower(f.Path); seen[lower] {
			return invalid("the build names the file %q twice", f.Path)
		} else {
			seen[lower] = true
		}
		switch sum, err := hex.DecodeString(f.SHA256); {
		case err != nil || len(sum) != sha256.Size || f.SHA256 != strings.ToLower(f.SHA256):
			return invalid("the manifest has no SHA-256 sum of %q", f.Path)
		case f.Size < 0 || f.Size > maxFile:
			return invalid("the file %q would have %s, and at most %s are allowed", f.Path, formatBytes(f.Size), formatBytes(maxFile))
		}
		if total += f.Size; total > maxTotal {
			return invalid("the build is larger than the %s that are allowed", formatBytes(maxTotal))
		}
	}
	return nil
}

// checkPath returns an error if the path leads out of the build's folder, is too long, names a hidden file, or contains a
// character that file systems or URLs may treat in a special way.
func checkPath(path string) error {
	if !fs.ValidPath(path) || path == "." {
		return invalid("the build names the file %q, which is outside the build's folder", path)
	}
	if len(path) > maxPath || strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@/") != "" {
		return invalid("the build names the file %q, and only letters, digits and . _ - @ are allowed, in at most %d characters", path, maxPath)
	}
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, ".") {
			return invalid("the build names the file %q, and hidden files are not allowed", path)
		}
	}
	return nil
}

// checkEntries returns an error if there is no page, or if a page needs a file that is not in the list of files.
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

// checkFits returns an error if the build does not work with this version of Meet, or lacks one of its pages.
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

// compatibleVersions returns the range of Meet versions that a build works with, if it was made with the given version. The
// range ends before the next version that may change the interface between pages and server: the next minor version if
// the given version is below 1.0, otherwise the next major version (https://semver.org/#spec-item-4).
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

// Size returns the total size of all files in bytes.
func (m *Manifest) Size() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// Integrity returns the file's sum as a value of the HTML attribute integrity
// (https://www.w3.org/TR/SRI/#the-integrity-attribute).
func (f File) Integrity() string {
	sum, err := hex.DecodeString(f.SHA256)
	if err != nil {
		return "" // ParseManifest returns an error for such a sum
	}
	return "sha256-" + base64.StdEncoding.EncodeToString(sum)
}
