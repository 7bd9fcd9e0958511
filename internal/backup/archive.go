package backup

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Archive is a backup that is open for reading. The names of its entries are those in the manifest. Verify checks their
// content.
type Archive struct {
	Manifest Manifest
	files    map[string]*zip.File // by name
}

// Open reads the manifest of a backup. It returns ErrDamaged if r is no backup or not a complete one, and a NewerError if
// this version cannot read the backup's format.
func Open(r io.ReaderAt, size int64) (*Archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, ErrDamaged
	}
	a := &Archive{files: map[string]*zip.File{}}
	for _, f := range z.File {
		if a.files[f.Name] != nil {
			return nil, ErrDamaged
		}
		a.files[f.Name] = f
	}
	if err := a.readManifest(); err != nil {
		return nil, err
	}
	if a.Manifest.Format > Format {
		return nil, &NewerError{a.Manifest.Format, a.Manifest.Version}
	}
	if a.Manifest.Format < 1 {
		return nil, ErrDamaged
	}
	if err := a.Manifest.check(); err != nil {
		return nil, err
	}
	return a, a.checkList()
}

// readManifest reads the manifest and removes it from the list of files.
func (a *Archive) readManifest() error {
	f := a.files[manifestName]
	if f == nil {
		return ErrDamaged
	}
	delete(a.files, manifestName)
	r, err := f.Open()
	if err != nil {
		return ErrDamaged
	}
	defer func() { _ = r.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil || len(text) > maxManifest || json.Unmarshal(text, &a.Manifest) != nil {
		return ErrDamaged
	}
	return nil
}

// checkList returns ErrDamaged unless the archive has exactly the entries of the manifest, and streams are not
// compressed.
func (a *Archive) checkList() error {
	if len(a.files) != len(a.Manifest.Entries) {
		return ErrDamaged
	}
	for _, e := range a.Manifest.Entries {
		f := a.files[e.Name]
		if f == nil || strings.HasPrefix(e.Name, streamsPrefix) && f.Method != zip.Store {
			return ErrDamaged
		}
	}
	return nil
}

// Verify reads all entries and returns ErrDamaged if one differs from the manifest.
func (a *Archive) Verify(ctx context.Context) error {
	for _, e := range a.Manifest.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.copy(io.Discard, e); err != nil {
			return err
		}
	}
	return nil
}

// copy writes the content of an entry to w. It returns ErrDamaged if the content differs from the manifest.
func (a *Archive) copy(w io.Writer, e Entry) error {
	r, err := a.files[e.Name].Open()
	if err != nil {
		return ErrDamaged
	}
	defer func() { _ = r.Close() }() // it was only read
	sum := sha256.New()
	source := &reader{r: io.LimitReader(r, e.Size+1)}
	n, err := io.Copy(io.MultiWriter(w, sum), source)
	switch {
	case source.failed || n != e.Size:
		return fmt.Errorf("%w (%s)", ErrDamaged, e.Name)
	case err != nil:
		return err
	case hex.EncodeToString(sum.Sum(nil)) != e.SHA256:
		return fmt.Errorf("%w (%s)", ErrDamaged, e.Name)
	}
	return nil
}

// reader records whether reading failed, to distinguish a damaged archive from a destination that cannot be written.
type reader struct {
	r      io.Reader
	failed bool
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = true
	}
	return n, err
}
