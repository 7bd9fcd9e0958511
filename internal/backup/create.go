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
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meet/internal/store"
)

// TempPrefix begins the names of all temporary folders in a data folder, with a suffix for each purpose.
const (
	TempPrefix    = ".backup-"
	spoolPrefix   = TempPrefix + "streams-"
	restorePrefix = TempPrefix + "restore-"
)

// Create writes a backup of the data folder dir, whose store is open, to w. version is the version of Meet. Only one
// Create may run on a folder at a time.
func Create(ctx context.Context, w io.Writer, dir string, s *store.Store, version string) (*Manifest, error) {
	a := &writer{ctx: ctx, zip: zip.NewWriter(w), manifest: Manifest{Format: Format, Version: version}}
	if err := a.addFolder(dir); err != nil {
		return nil, err
	}
	if err := a.addStreams(dir, s); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(a.manifest, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	end, err := a.zip.Create(manifestName)
	if err == nil {
		_, err = end.Write(text)
	}
	if err == nil {
		err = a.zip.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("write the manifest: %w", err)
	}
	return &a.manifest, nil
}

// writer writes the entries of a backup and collects their sizes and sums.
type writer struct {
	ctx      context.Context
	zip      *zip.Writer
	manifest Manifest
}

// addFolder adds the files of the data folder.
func (a *writer) addFolder(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the data folder: %w", err)
	}
	defer func() { _ = root.Close() }() // it was only read
	for _, top := range contents {
		err := fs.WalkDir(root.FS(), top, func(name string, e fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist): // not there yet, or just deleted
				return nil
			case err != nil:
				return err
			case !e.Type().IsRegular() || isTemporary(name):
				return nil
			case !validName(filesPrefix + name):
				return fmt.Errorf("the file %q is not one of Meet's: move it out of the data folder", name)
			}
			return a.addFile(root, name)
		})
		if err != nil {
			return fmt.Errorf("read %s in the data folder: %w", top, err)
		}
	}
	return nil
}

// isTemporary reports whether a file is a lock or an unfinished file, which has no meaning in another process.
func isTemporary(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, ".") || strings.HasSuffix(base, ".lock") || strings.HasSuffix(base, ".tmp")
}

// addFile adds one file of the data folder. It does nothing if the file was deleted.
func (a *writer) addFile(root *os.Root, name string) error {
	f, err := root.Open(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	return a.add(filesPrefix+name, zip.Deflate, f)
}

// addStreams adds the streams of the store. It copies them to a temporary folder first: writes of the store wait while
// they are copied, and must not wait for a slow reader of the backup.
func (a *writer) addStreams(dir string, s *store.Store) error {
	if err := RemoveTemporary(dir); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(dir, spoolPrefix)
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }() // the next backup removes it if this fails
	var names []string
	err = s.Snapshot(a.ctx, func(stream string) (io.WriteCloser, error) {
		names = append(names, stream)
		return os.OpenFile(filepath.Join(temp, stream), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	})
	if err != nil {
		return fmt.Errorf("copy the store: %w", err)
	}
	a.manifest.Created = time.Now().UTC().Truncate(time.Second)
	slices.Sort(names)
	for _, name := range names {
		if err := a.addStream(filepath.Join(temp, name), name); err != nil {
			return fmt.Errorf("add stream %s: %w", name, err)
		}
	}
	return nil
}

// addStream adds the copy of one stream. The copy is compressed already.
func (a *writer) addStream(file, name string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	return a.add(streamsPrefix+name, zip.Store, f)
}

// add adds one entry.
func (a *writer) add(name string, method uint16, r io.Reader) error {
	if err := a.ctx.Err(); err != nil {
		return err
	}
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), r)
	if err != nil {
		return err
	}
	a.manifest.Entries = append(a.manifest.Entries, Entry{Name: name, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))})
	return nil
}

// RemoveTemporary deletes the temporary folders that killed processes left in a data folder.
func RemoveTemporary(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list the data folder: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), spoolPrefix) || strings.HasPrefix(e.Name(), restorePrefix) {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("delete a temporary folder: %w", err)
			}
		}
	}
	return nil
}
