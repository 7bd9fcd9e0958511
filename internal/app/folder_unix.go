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

	"meet/internal/backup"
)

// Entries of a data folder that Meet creates. secretFiles are the key file and the lock file, whose modes are restricted.
// otherEntries are folders, whose modes are not changed. Only the folder certs has secrets, and Meet creates it with mode 0700.
var (
	secretFiles  = []string{"keys.yaml", "lock"}
	otherEntries = []string{"jetstream", "frontend", "certs"}
)

// restrictDataFolder removes other users' rights to an existing data folder and to the secret files in it. It changes
// only what belongs to this user. It does not change the folder if that contains entries of other programs, because
// --data-dir may name a folder that others need, such as /tmp. It logs a warning if other users keep rights. Subfolders
// keep their modes, because other users cannot enter a private folder.
func restrictDataFolder(dir string, log *slog.Logger) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	defer func() { _ = root.Close() }() // it was only read
	for _, name := range secretFiles {
		if err := restrictMode(root, name, 0o600, log); err != nil {
			return err
		}
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return fmt.Errorf("list the folder: %w", err)
	}
	if i := slices.IndexFunc(entries, notCreatedByMeet); i >= 0 {
		if info, err := root.Stat("."); err == nil && info.Mode().Perm()&0o077 != 0 {
			log.Warn("other users of this machine can read the data folder, which also contains other files: run chmod 700 on it, or choose another with --data-dir",
				"folder", dir, "other", entries[i].Name())
		}
		return nil
	}
	return restrictMode(root, ".", 0o700, log)
}

// ownPrefixes begin the names of the entries of a data folder that Meet creates with varying names: temporary files of a
// killed process, the folders of backup.Restore, and the files of doctor.
var ownPrefixes = []string{".keys-", ".doctor-", backup.TempPrefix, backup.RestoringName, backup.PreviousPrefix}

// notCreatedByMeet reports whether an entry of the data folder was not created by Meet.
func notCreatedByMeet(e fs.DirEntry) bool {
	return !slices.Contains(secretFiles, e.Name()) && !slices.Contains(otherEntries, e.Name()) &&
		!slices.ContainsFunc(ownPrefixes, func(prefix string) bool { return strings.HasPrefix(e.Name(), prefix) })
}

// restrictMode sets the mode of a file if other users have rights to the file and it belongs to this user.
func restrictMode(root *os.Root, name string, mode fs.FileMode, log *slog.Logger) error {
	info, err := root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get the mode of %s: %w", name, err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != os.Geteuid() {
		log.Warn("other users of this machine may read a file of the data folder that belongs to another user: its owner must run chmod on it",
			"folder", root.Name(), "name", name, "mode", info.Mode().Perm().String(), "want", mode.String())
		return nil
	}
	if err := root.Chmod(name, mode); err != nil {
		return fmt.Errorf("change the mode of %s: %w", name, err)
	}
	log.Warn("removed access of other users to a file in the data folder",
		"folder", root.Name(), "name", name, "mode", info.Mode().Perm().String(), "now", mode.String())
	return nil
}

// checkOwner returns an error if the data folder exists and belongs to another user than the one that this process runs as.
func checkOwner(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get the owner of the data folder: %w", err)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("the data folder %s belongs to another user: run this command as that user, for example with sudo -u '#%d'", dir, owner.Uid)
	}
	return nil
}
