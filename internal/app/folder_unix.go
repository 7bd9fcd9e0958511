//go:build unix

package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Names in a data folder: what holds secrets, and what else Meet makes there.
var (
	secretFiles = []string{"keys.yaml", "lock"}
	otherNames  = []string{"jetstream", "frontend"}
)

// tightenFolder takes the rights of other users from an existing data folder, which may have been made with more, and from
// the secret files in it. It changes only what belongs to this user, and the folder only if nothing but Meet's own is in it:
// --data-dir may name one that others need, such as /tmp. Where it leaves rights to others it logs a warning. The store's
// subfolders keep their modes, since nobody else gets past the folder.
func tightenFolder(dir string, log *slog.Logger) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	for _, name := range secretFiles {
		if err := tighten(root, name, 0o600, log); err != nil {
			return err
		}
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return fmt.Errorf("list the folder: %w", err)
	}
	if i := slices.IndexFunc(entries, foreign); i >= 0 {
		if info, err := root.Stat("."); err == nil && info.Mode().Perm()&0o077 != 0 {
			log.Warn("other users of this machine can look into the data folder, and it holds more than Meet's data: run chmod 700 on it, or choose another with --data-dir",
				"folder", dir, "other", entries[i].Name())
		}
		return nil
	}
	return tighten(root, ".", 0o700, log)
}

// foreign reports whether Meet has not made an entry of the data folder.
func foreign(e fs.DirEntry) bool {
	return !slices.Contains(secretFiles, e.Name()) && !slices.Contains(otherNames, e.Name()) &&
		!strings.HasPrefix(e.Name(), ".keys-") && !strings.HasPrefix(e.Name(), ".doctor-") // left behind by a kill
}

// tighten sets the mode of a file if others have rights to it and it is this user's.
func tighten(root *os.Root, name string, mode fs.FileMode, log *slog.Logger) error {
	info, err := root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", name, err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Geteuid() {
		log.Warn("other users of this machine may read a part of the data folder, and it belongs to another user: let that one run chmod on it",
			"folder", root.Name(), "name", name, "mode", info.Mode().Perm().String(), "want", mode.String())
		return nil
	}
	if err := root.Chmod(name, mode); err != nil {
		return fmt.Errorf("change the mode of %s: %w", name, err)
	}
	log.Warn("other users of this machine had rights to a part of the data folder, which are taken from them now",
		"folder", root.Name(), "name", name, "mode", info.Mode().Perm().String(), "now", mode.String())
	return nil
}
