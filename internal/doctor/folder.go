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
func dataFolder(dir string) Finding {
	const check = "data folder"
	const choose = "give this user the right to, or choose another with --data-dir"
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := existing(filepath.Dir(dir))
		if err := writable(parent); err != nil {
			return ok(check, "%s does not exist and cannot be made in %s", dir, parent).but(Fail, choose)
		}
		return ok(check, "%s does not exist yet and can be made", dir)
	case err != nil:
		return ok(check, "%s cannot be looked at: %v", dir, err).but(Fail, choose)
	case !info.IsDir():
		return ok(check, "%s is not a folder", dir).but(Fail, "choose another with --data-dir")
	}
	if err := writable(dir); err != nil {
		return ok(check, "%s cannot be written", dir).but(Fail, choose)
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" { // Windows keeps no such bits
		return ok(check, "%s can be written, and others can look into it: it holds keys", dir).but(Warn, fmt.Sprintf("run chmod 700 %s", dir))
	}
	return ok(check, "%s can be written, and only by this user", dir)
}

// existing is the nearest folder on the way up that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// writable tries it: rights alone do not tell of a disk that is mounted read-only, or of root.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Bytes a server needs: records are small, recordings are not.
const (
	littleSpace = 1 << 30
	noSpace     = 64 << 20
)

func diskSpace(dir string) Finding {
	const check = "disk space"
	free, known := freeBytes(existing(dir))
	if !known {
		return ok(check, "how much is free cannot be told on this system")
	}
	f := ok(check, "%s free for the data folder", size(free))
	switch {
	case free < noSpace:
		return f.but(Fail, "make room, or choose a folder on another disk with --data-dir")
	case free < littleSpace:
		return f.but(Warn, "make room before it is needed, or choose a folder on another disk with --data-dir")
	}
	return f
}

// size says bytes as people do.
func size(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
