package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"meet/web/templates"
)

//go:embed all:static
var embedded embed.FS

// Static is the front end's build: what is served under /static/.
var Static = sub(embedded, "static")

// root is where the build expects to be served; vite.config.ts says the same.
const root = "/static/"

// entries maps the short name of a page's entry to its source in the manifest.
var entries = map[string]string{
	"lobby":  "pages/lobby.ts",
	"room":   "pages/room.tsx",
	"custom": "pages/custom.tsx",
	"direct": "pages/direct.tsx",
}

// chunk is one record of Vite's manifest.
type chunk struct {
	File    string   `json:"file"`
	Imports []string `json:"imports"`
	CSS     []string `json:"css"`
	Assets  []string `json:"assets"`
}

var manifest = sync.OnceValue(func() map[string]chunk {
	m, err := readManifest(Static)
	if err != nil {
		// The build is part of the binary: without it the binary is wrong, not the world.
		panic(err)
	}
	return m
})

// Entry lists the files of the page whose entry is called name: "lobby",
// "room", "custom" or "direct". Any other name is a mistake in the caller and panics.
func Entry(name string) templates.Assets {
	source, ok := entries[name]
	if !ok {
		panic(fmt.Sprintf("web: there is no entry %q", name))
	}
	return assets(manifest(), source)
}

func readManifest(static fs.FS) (map[string]chunk, error) {
	raw, err := fs.ReadFile(static, "manifest.json")
	if err != nil {
		return nil, fmt.Errorf("read the front end's manifest: %w", err)
	}
	var m map[string]chunk
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("decode the front end's manifest: %w", err)
	}
	for _, source := range entries {
		if _, ok := m[source]; !ok {
			return nil, fmt.Errorf("the front end's manifest lacks %s", source)
		}
	}
	return m, nil
}

// assets collects an entry's own files and those of everything it imports,
// imports first, so that shared styles come before a page's own.
func assets(m map[string]chunk, source string) templates.Assets {
	var a templates.Assets
	seen := map[string]bool{}
	var visit func(string)
	visit = func(key string) {
		if seen[key] {
			return
		}
		seen[key] = true
		c := m[key]
		for _, imported := range c.Imports {
			visit(imported)
		}
		if key == source {
			a.Scripts = append(a.Scripts, root+c.File)
		} else if strings.HasSuffix(c.File, ".js") {
			a.Preloads = append(a.Preloads, root+c.File)
		}
		for _, css := range c.CSS {
			a.Styles = append(a.Styles, root+css)
		}
	}
	visit(source)
	for key, c := range m {
		switch {
		case strings.HasSuffix(key, ".woff2"):
			a.Preloads = append(a.Preloads, root+c.File)
		case strings.HasSuffix(key, "favicon.svg"):
			a.Icon = root + c.File
		}
	}
	slices.Sort(a.Preloads)
	return a
}

func sub(fsys fs.FS, dir string) fs.FS {
	s, err := fs.Sub(fsys, dir)
	if err != nil {
		panic(err) // only an invalid name fails, and ours is a constant
	}
	return s
}
