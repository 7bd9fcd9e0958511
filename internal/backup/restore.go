package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"meet/internal/store"
)

// Names of folders in the data folder. RestoringName holds the new content while Restore moves it into place.
// PreviousPrefix begins the names of the folders for the content that Restore has replaced.
const (
	RestoringName  = ".restoring"
	PreviousPrefix = "before-restore-"
)

// ErrInterrupted is returned for a data folder in which a restore was killed while it moved files into place.
var ErrInterrupted = errors.New("a restore of this data folder was interrupted: run it again with --force")

// CheckComplete returns ErrInterrupted if the last Restore of a data folder was interrupted in its last step, so that the
// folder may lack files.
func CheckComplete(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, RestoringName)); err == nil {
		return ErrInterrupted
	}
	return nil
}

// CheckEmpty returns ErrNotEmpty if a data folder has data that Restore would replace.
func CheckEmpty(dir string) error {
	old, err := existing(dir)
	if err == nil && len(old) > 0 {
		return ErrNotEmpty
	}
	return err
}

// existing returns the entries of the data folder that Restore replaces.
func existing(dir string) (names []string, err error) {
	for _, name := range swapped {
		switch _, err := os.Lstat(filepath.Join(dir, name)); {
		case err == nil:
			names = append(names, name)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("read the data folder: %w", err)
		}
	}
	return names, nil
}

// Restore replaces the content of the data folder dir by a backup. The caller has locked the folder, so that no server
// uses it. The previous content, if any, is moved to a subfolder, whose name Restore returns. If Restore fails
// before it moves the first file, the previous content has not changed; if it fails later, CheckComplete reports this.
func Restore(ctx context.Context, a *Archive, dir string, log *slog.Logger) (previous string, err error) {
	if err := a.Verify(ctx); err != nil {
		return "", err
	}
	if err := RemoveTemporary(dir); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(dir, restorePrefix)
	if err != nil {
		return "", fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }() // it was renamed unless Restore fails
	if err := a.unpack(ctx, temp, log); err != nil {
		return "", err
	}
	return swap(dir, temp)
}

// unpack writes the content of a data folder to the folder dir.
func (a *Archive) unpack(ctx context.Context, dir string, log *slog.Logger) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the temporary folder: %w", err)
	}
	defer func() { _ = root.Close() }() // each file was closed
	s, err := store.Open(ctx, store.Options{Dir: dir, Log: log})
	if err != nil {
		return err
	}
	defer s.Close()
	for _, e := range a.Manifest.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if name, ok := strings.CutPrefix(e.Name, filesPrefix); ok {
			err = a.unpackFile(root, name, e)
		} else {
			err = a.unpackStream(s, e)
		}
		if err != nil {
			return fmt.Errorf("restore %s: %w", e.Name, err)
		}
	}
	return nil
}

// unpackFile writes one file of the data folder.
func (a *Archive) unpackFile(root *os.Root, name string, e Entry) error {
	if err := root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = a.copy(f, e)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// unpackStream creates one stream of the store.
func (a *Archive) unpackStream(s *store.Store, e Entry) error {
	r, w := io.Pipe()
	var work sync.WaitGroup
	var copied error
	work.Go(func() { // ends when the copy has been written or r is closed
		copied = a.copy(w, e)
		_ = w.CloseWithError(copied) // always nil
	})
	err := s.Restore(r)
	if err == nil {
		_, err = io.Copy(io.Discard, r) // what follows the end of the stream, so that the sum is checked
	}
	_ = r.Close() // always nil
	work.Wait()
	if err == nil {
		err = copied
	}
	return err
}

// swap moves the content of the folder temp to the data folder dir, and the previous content to a subfolder. Each move
// is one rename. If the process is killed between them, the folder .restoring remains, and CheckComplete fails.
func swap(dir, temp string) (previous string, err error) {
	old, err := existing(dir)
	if err != nil {
		return "", err
	}
	next := filepath.Join(dir, RestoringName)
	if err := os.RemoveAll(next); err != nil { // of a killed process
		return "", fmt.Errorf("delete an interrupted restore: %w", err)
	}
	if err := os.Rename(temp, next); err != nil {
		return "", fmt.Errorf("move the restored data: %w", err)
	}
	if len(old) > 0 {
		previous = PreviousPrefix + time.Now().UTC().Format("20060102-150405.000")
		if err := os.Mkdir(filepath.Join(dir, previous), 0o700); err != nil {
			return "", fmt.Errorf("make a folder for the previous data: %w", err)
		}
	}
	for _, name := range old {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, previous, name)); err != nil {
			return previous, fmt.Errorf("move the previous data: %w", err)
		}
	}
	for _, name := range swapped {
		if err := os.Rename(filepath.Join(next, name), filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return previous, fmt.Errorf("move the restored data: %w", err)
		}
	}
	syncFolder(dir) // the marker must not disappear before the renames are on the disk
	if err := os.RemoveAll(next); err != nil {
		return previous, fmt.Errorf("delete the temporary folder: %w", err)
	}
	return previous, nil
}

// syncFolder flushes the entries of a folder to the disk, on systems on which folders can be flushed.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync() // Windows cannot
		_ = f.Close()
	}
}
