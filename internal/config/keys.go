package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"go.yaml.in/yaml/v3"
)

// These errors about API keys do not contain the invalid text, which may be a secret.
var (
	errPairs         = errors.New(`got invalid lines, want "key: secret" (with a space after the colon)`)
	errDuplicate     = errors.New("got the same key twice")
	errWorldReadable = errors.New("other users can access it; run chmod 600 on it")
	errNoKeys        = errors.New("it contains no key")
)

// pair is an entry of a YAML mapping.
type pair struct{ name, value string }

// parsePairs parses a YAML mapping of strings to strings. It keeps the order of the entries, because the first API
// key signs tokens.
func parsePairs(text []byte) ([]pair, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errPairs
	}
	var pairs []pair
	for item := range slices.Chunk(doc.Content[0].Content, 2) {
		p := pair{item[0].Value, item[1].Value}
		if item[0].Kind != yaml.ScalarNode || item[1].Kind != yaml.ScalarNode || p.name == "" || p.value == "" {
			return nil, errPairs
		}
		if slices.ContainsFunc(pairs, func(q pair) bool { return q.name == p.name }) {
			return nil, errDuplicate
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// parseKeys parses "key: secret" lines, of which there must be at least one.
func parseKeys(text []byte) ([]Key, error) {
	pairs, err := parsePairs(text)
	if err != nil {
		return nil, err
	}
	keys := make([]Key, len(pairs))
	for i, p := range pairs {
		keys[i] = Key{p.name, p.value}
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// ReadKeyFile reads a file of "key: secret" lines. It refuses a file that other users can access.
func ReadKeyFile(path string) ([]Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 && runtime.GOOS != "windows" { // Windows has no such permission bits
		return nil, fmt.Errorf("read key file %s: %w", path, errWorldReadable)
	}
	text, err := decodeText(f)
	if err != nil {
		return nil, fmt.Errorf("read key file %s: %w", path, err)
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("read key file %s: %w", path, err)
	}
	return keys, nil
}

// LoadOrCreateKeys returns the API key in the file at path. If the file does not exist, it generates a key and
// creates the file atomically. The caller must hold the lock of the data folder.
func LoadOrCreateKeys(path string) ([]Key, error) {
	keys, err := ReadKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	k := NewKey()
	f, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // with mode 0600
	if err != nil {
		return nil, fmt.Errorf("create key file: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // fails if it was renamed
	_, err = f.WriteString(k.Line())
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return nil, fmt.Errorf("create key file: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return nil, fmt.Errorf("create key file: %w", err)
	}
	return []Key{k}, nil
}

// NewKey returns a random API key: the name has 60 random bits, the secret 260.
func NewKey() Key {
	return Key{"API" + rand.Text()[:12], rand.Text() + rand.Text()}
}

// Line returns the key as a line of a key file.
func (k Key) Line() string { return k.Name + ": " + k.Secret + "\n" }
