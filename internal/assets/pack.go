package assets

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// PackOptions describes the build that Pack makes.
type PackOptions struct {
	Version             string    // version of Meet that the build is made with
	Made                time.Time // date of the source code; the zero time leaves it out
	BasePath, StaticURL string    // as in Manifest

	// Shells renders the shells of the pages and returns them by path. The manifest that it receives lists the files
	// of Vite's output.
	Shells func(*Manifest) (map[string][]byte, error)
}

// Pack makes a published build from the output of Vite in viteDir. It replaces the folder buildDir as a whole. The same
// input produces identical bytes.
func Pack(viteDir, buildDir string, o PackOptions) (*Manifest, error) {
	if err := checkReplaceable(buildDir); err != nil {
		return nil, err
	}
	files, m, err := readViteOutput(viteDir)
	if err != nil {
		return nil, err
	}
	if m.Meet, err = compatibleVersions(o.Version); err != nil {
		return nil, err
	}
	m.Format, m.Made, m.BasePath, m.StaticURL = Format, o.Made, o.BasePath, o.StaticURL
	for name, content := range files {
		m.Files = append(m.Files, describeFile(name, content))
	}
	if o.Shells != nil {
		shells, err := o.Shells(m)
		if err != nil {
			return nil, err
		}
		for name, content := range shells {
			files[name] = content
			m.Files = append(m.Files, describeFile(name, content))
		}
	}
	if err := m.compress(files); err != nil {
		return nil, err
	}
	byPath := func(a, b File) int { return cmp.Compare(a.Path, b.Path) }
	slices.SortFunc(m.Files, byPath)
	files[listName] = m.fileList()
	m.Files = append(m.Files, describeFile(listName, files[listName]))
	slices.SortFunc(m.Files, byPath)
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	files[manifestName] = append(raw, '\n')
	if _, err := ParseManifest(files[manifestName]); err != nil {
		return nil, err // a build that every server would refuse is not published
	}
	files[attributesName] = []byte(attributes)
	return m, replaceFolder(buildDir, files)
}

// fileList returns the content of flist.txt: the paths of all files of the manifest, and of flist.txt itself, for
// download tools that do not read JSON.
func (m *Manifest) fileList() []byte {
	names := []string{listName}
	for _, f := range m.Files {
		names = append(names, f.Path)
	}
	slices.Sort(names)
	return []byte(strings.Join(names, "\n") + "\n")
}

// describeFile returns the manifest's description of a file.
func describeFile(name string, content []byte) File {
	sum := sha256.Sum256(content)
	return File{Path: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

// chunk is one record of Vite's own manifest (https://vite.dev/guide/backend-integration).
type chunk struct {
	File    string   `json:"file"`
	Name    string   `json:"name"`
	IsEntry bool     `json:"isEntry"`
	Imports []string `json:"imports"`
	CSS     []string `json:"css"`
}

// readViteOutput reads the files in viteDir. It returns them by path, and a manifest that has only the pages and the
// icon.
func readViteOutput(viteDir string) (files map[string][]byte, m *Manifest, err error) {
	files = map[string][]byte{}
	err = fs.WalkDir(os.DirFS(viteDir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = os.ReadFile(filepath.Join(viteDir, filepath.FromSlash(name)))
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read Vite's output: %w", err)
	}
	var chunks map[string]chunk
	if err := json.Unmarshal(files[manifestName], &chunks); err != nil {
		return nil, nil, fmt.Errorf("read Vite's manifest: %w", err)
	}
	delete(files, manifestName)
	m = &Manifest{Entries: map[string]Entry{}}
	var fonts []string
	for key, c := range chunks {
		switch {
		case path.Ext(key) == ".woff2":
			fonts = append(fonts, c.File)
		case path.Base(key) == "favicon.svg":
			m.Icon = c.File
		}
	}
	slices.Sort(fonts)
	for key, c := range chunks {
		if c.IsEntry {
			m.Entries[c.Name] = collectEntry(chunks, key, fonts)
		}
	}
	return files, m, nil
}

// collectEntry returns the files of one page: those of its source module and of every module that it imports. Imports
// come first, so that the page's own styles override shared ones.
func collectEntry(chunks map[string]chunk, source string, fonts []string) Entry {
	e := Entry{Script: chunks[source].File, Styles: []string{}, Preloads: slices.Clone(fonts)}
	seen := map[string]bool{}
	var visit func(string)
	visit = func(key string) {
		if seen[key] {
			return
		}
		seen[key] = true
		c := chunks[key]
		for _, imported := range c.Imports {
			visit(imported)
		}
		if key != source && path.Ext(c.File) == ".js" {
			e.Preloads = append(e.Preloads, c.File)
		}
		for _, css := range c.CSS {
			if !slices.Contains(e.Styles, css) {
				e.Styles = append(e.Styles, css)
			}
		}
	}
	visit(source)
	slices.Sort(e.Preloads)
	return e
}

// checkReplaceable returns an error if buildDir contains files that are not a build. This protects other folders if
// the operator mistypes the name.
func checkReplaceable(buildDir string) error {
	entries, err := os.ReadDir(buildDir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", buildDir, err)
	}
	if _, err := os.Stat(filepath.Join(buildDir, manifestName)); err != nil {
		return invalid("the folder %s does not contain a build; give an empty folder", buildDir)
	}
	return nil
}

// replaceFolder replaces the folder dir by one with the given files.
func replaceFolder(dir string, files map[string][]byte) error {
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return fmt.Errorf("write build: %w", err)
	}
	fresh, err := os.MkdirTemp(parent, ".build-*")
	if err != nil {
		return fmt.Errorf("write build: %w", err)
	}
	defer func() { _ = os.RemoveAll(fresh) }() // the replaced folder, or what an error has left
	whole := filepath.Join(fresh, "whole")
	for name, content := range files {
		target := filepath.Join(whole, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
			return fmt.Errorf("write build: %w", err)
		}
		if err := os.WriteFile(target, content, 0o666); err != nil {
			return fmt.Errorf("write build: %w", err)
		}
	}
	if err := os.Rename(dir, filepath.Join(fresh, "former")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write build: %w", err)
	}
	if err := os.Rename(whole, dir); err != nil {
		return fmt.Errorf("write build: %w", err)
	}
	return nil
}
