package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
)

// Build is a whole build, in memory: it goes on being served whatever becomes of the folder it came from.
type Build struct {
	ID string
	Manifest

	files     map[string]Content
	signature []byte // of the manifest, empty if there is none; only a Shelf with a key has checked it
}

// Content is one file and its sum.
type Content struct {
	File
	Bytes []byte
}

// Open reads a build and checks every byte of it, its fitness for the version and that it has the pages.
func Open(folder fs.FS, version string, pages []string) (*Build, error) {
	raw, err := readLimited(folder, manifestName, maxManifest)
	if err != nil {
		return nil, err
	}
	m, err := ParseManifest(raw)
	if err != nil {
		return nil, err
	}
	if err := m.checkFits(version, pages); err != nil {
		return nil, err
	}
	b := &Build{ID: ID(raw), Manifest: *m, files: make(map[string]Content, len(m.Files)+1)}
	for _, f := range m.Files {
		content, err := readLimited(folder, f.Path, 2*f.Size) // check says more of what is a bit larger
		if err != nil {
			return nil, err
		}
		if err := f.check(content); err != nil {
			return nil, err
		}
		b.files[f.Path] = Content{f, content}
	}
	b.addFile(manifestName, raw)
	if err := b.checkEncodings(); err != nil {
		return nil, err
	}
	if _, err := fs.Lstat(folder, signatureName); errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if b.signature, err = readLimited(folder, signatureName, maxSignature); err != nil {
		return nil, err
	}
	b.addFile(signatureName, b.signature) // for servers that take their builds from this one
	return b, nil
}

// add is for the files that the manifest does not name.
func (b *Build) addFile(path string, content []byte) {
	sum := sha256.Sum256(content)
	b.files[path] = Content{File{Path: path, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}, content}
}

// Pages are the names of the pages that the build has.
func (b *Build) Pages() []string { return slices.Sorted(maps.Keys(b.Entries)) }

// File returns a file of the build.
func (b *Build) File(path string) (Content, bool) {
	c, ok := b.files[path]
	return c, ok
}

// check returns an error if content is not the file's.
func (f File) check(content []byte) error {
	n, sum := int64(len(content)), sha256.Sum256(content)
	switch {
	case n == f.Size && hex.EncodeToString(sum[:]) == f.SHA256:
		return nil
	case n != f.Size && lineEndingsConverted(bytes.NewReader(content), f):
		return convertedError(f.Path)
	case n != f.Size:
		return invalid("the file %q has %d bytes and the manifest says %d", f.Path, n, f.Size)
	}
	return invalid("the file %q is not what the manifest says: its SHA-256 sum differs", f.Path)
}

// readLimited reads a file that is one, not a link to one, and not larger than it should be.
func readLimited(folder fs.FS, path string, limit int64) ([]byte, error) {
	info, err := fs.Lstat(folder, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, invalid("the build lacks the file %q", path)
	case err != nil:
		return nil, fmt.Errorf("read build: %w", err)
	case !info.Mode().IsRegular():
		return nil, invalid("%q is a link or a folder, and only files are taken", path)
	case info.Size() > limit:
		return nil, invalid("the file %q has %s and may have %s", path, formatBytes(info.Size()), formatBytes(limit))
	}
	f, err := folder.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read build: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read build: %w", err)
	}
	return content, nil
}
