package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// checkDataFolder checks whether this user can write the data folder and other users cannot read it.
func checkDataFolder(dir string) Finding {
	const check = "data folder"
	const choose = "give this user the right to write there, or choose another folder with --data-dir"
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := nearestExisting(filepath.Dir(dir))
		if err := checkWritable(parent); err != nil {
			return finding(check, "%s does not exist and cannot be made in %s", dir, parent).withAdvice(Fail, choose)
		}
		return finding(check, "%s does not exist yet and can be made", dir)
	case err != nil:
		return finding(check, "%s cannot be inspected: %v", dir, err).withAdvice(Fail, choose)
	case !info.IsDir():
		return finding(check, "%s is not a folder", dir).withAdvice(Fail, "choose another folder with --data-dir")
	}
	if err := checkWritable(dir); err != nil {
		return finding(check, "%s cannot be written", dir).withAdvice(Fail, choose)
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" { // Windows has no such permission bits
		return finding(check, "%s can be written, but other users can read it, and it contains keys", dir).withAdvice(Warn, fmt.Sprintf("run chmod 700 %s", dir))
	}
	return finding(check, "%s can be written, and only by this user", dir)
}

// nearestExisting returns dir, or its nearest parent folder that exists.
func nearestExisting(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// checkWritable creates a file in dir and removes it. Permission bits alone do not show that a file system is read-only.
func checkWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Limits for free disk space in bytes. The server's records are small, but recordings are large.
const (
	lowSpace = 1 << 30  // less causes a warning
	minSpace = 64 << 20 // less is a failure
)

// checkDiskSpace checks how much space is free on the disk of the data folder.
func checkDiskSpace(dir string) Finding {
	const check = "disk space"
	free, known := freeBytes(nearestExisting(dir))
	if !known {
		return finding(check, "the free space cannot be read on this system")
	}
	f := finding(check, "%s free for the data folder", formatBytes(free))
	switch {
	case free < minSpace:
		return f.withAdvice(Fail, "free some space, or choose a folder on another disk with --data-dir")
	case free < lowSpace:
		return f.withAdvice(Warn, "free some space before it is needed, or choose a folder on another disk with --data-dir")
	}
	return f
}

// formatBytes returns a size in GiB, MiB or KiB.
func formatBytes(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
