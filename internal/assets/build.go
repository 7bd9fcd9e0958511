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

// Build is a complete build of the front end, held in memory. It can be served even after its folder has been
// deleted.
type Build struct {
	ID string
	Manifest

	files     map[string]Content // by path, including the manifest and its signature
	signature []byte             // detached signature of the manifest, empty if there is none; only a Store with a key verifies it
}

// Content is one file of a build with its bytes.
type Content struct {
	File
	Bytes []byte
}

// Open reads a build from folder into memory. It checks the size and SHA-256 sum of every file, that each compressed
// file decompresses to its original, that the build is made for this version of Meet, and that it has all the pages.
// It does not verify the signature of the manifest.
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
		content, err := readLimited(folder, f.Path, 2*f.Size) // check explains why a file that is only slightly too large is wrong
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
	b.addFile(signatureName, b.signature) // for servers that fetch their builds from this server
	return b, nil
}

// addFile adds a file that the manifest does not list: the manifest itself or its signature.
func (b *Build) addFile(path string, content []byte) {
	sum := sha256.Sum256(content)
	b.files[path] = Content{File{Path: path, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}, content}
}

// Pages returns the sorted names of the build's pages.
func (b *Build) Pages() []string { return slices.Sorted(maps.Keys(b.Entries)) }

// File returns the file at path, and whether the build has it.
func (b *Build) File(path string) (Content, bool) {
	c, ok := b.files[path]
	return c, ok
}

// check returns an error unless content has the size and SHA-256 sum that the manifest lists for the file.
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

// readLimited reads a regular file of at most limit bytes. Symbolic links and folders are refused.
func readLimited(folder fs.FS, path string, limit int64) ([]byte, error) {
	info, err := fs.Lstat(folder, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, invalid("the build lacks the file %q", path)
	case err != nil:
		return nil, fmt.Errorf("read build: %w", err)
	case !info.Mode().IsRegular():
		return nil, invalid("%q is a link or a folder, and only files are allowed", path)
	case info.Size() > limit:
		return nil, invalid("the file %q has %s and may have at most %s", path, formatBytes(info.Size()), formatBytes(limit))
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
