package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// dataFolder checks whether this user can keep data there, and others cannot read it.
func checkDataFolder(dir string) Finding {
	const check = "data folder"
	const choose = "give this user the right to, or choose another with --data-dir"
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := nearestExisting(filepath.Dir(dir))
		if err := checkWritable(parent); err != nil {
			return finding(check, "%s does not exist and cannot be made in %s", dir, parent).withAdvice(Fail, choose)
		}
		return finding(check, "%s does not exist yet and can be made", dir)
	case err != nil:
		return finding(check, "%s cannot be looked at: %v", dir, err).withAdvice(Fail, choose)
	case !info.IsDir():
		return finding(check, "%s is not a folder", dir).withAdvice(Fail, "choose another with --data-dir")
	}
	if err := checkWritable(dir); err != nil {
		return finding(check, "%s cannot be written", dir).withAdvice(Fail, choose)
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" { // Windows keeps no such bits
		return finding(check, "%s can be written, and others can look into it: it holds keys", dir).withAdvice(Warn, fmt.Sprintf("run chmod 700 %s", dir))
	}
	return finding(check, "%s can be written, and only by this user", dir)
}

// existing is the nearest folder on the way up that exists.
func nearestExisting(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// writable tries it: rights alone do not tell of a disk that is mounted read-only, or of root.
func checkWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Bytes a server needs: records are small, recordings are not.
const (
	lowSpace = 1 << 30
	minSpace = 64 << 20
)

func checkDiskSpace(dir string) Finding {
	const check = "disk space"
	free, known := freeBytes(nearestExisting(dir))
	if !known {
		return finding(check, "how much is free cannot be told on this system")
	}
	f := finding(check, "%s free for the data folder", formatBytes(free))
	switch {
	case free < minSpace:
		return f.withAdvice(Fail, "make room, or choose a folder on another disk with --data-dir")
	case free < lowSpace:
		return f.withAdvice(Warn, "make room before it is needed, or choose a folder on another disk with --data-dir")
	}
	return f
}

// size says bytes as people do.
func formatBytes(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
