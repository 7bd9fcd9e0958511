package assets_test

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"meet/internal/assets"
	"meet/web"
)

const version = "0.2.0"

// embeddedBuild opens the build that is embedded in the binary.
func embeddedBuild(t *testing.T) *assets.Build {
	t.Helper()
	b, err := assets.Open(web.Static, version, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEmbeddedBuildMatchesItsManifest(t *testing.T) {
	b := embeddedBuild(t)
	list, _ := b.File("flist.txt")
	listed := strings.Fields(string(list.Bytes))
	err := fs.WalkDir(web.Static, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "manifest.json" || name == ".gitattributes" {
			return err
		}
		if _, ok := b.File(name); !ok || !slices.Contains(listed, name) {
			t.Errorf("%s is in the folder; in the manifest: %v, in flist.txt: %v", name, ok, slices.Contains(listed, name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(listed) != len(b.Files) {
		t.Errorf("flist.txt has %d files and the manifest %d", len(listed), len(b.Files))
	}
}

// reference matches quoted relative paths of files in scripts and styles.
var reference = regexp.MustCompile("[\"'`(](\\.{0,2}/?[\\w@./-]+\\.(?:js|css|woff2|svg|wasm|mp3|ogg|webp|png))[\"'`)]")

func TestScriptsAndStylesReferenceExistingFiles(t *testing.T) {
	b := embeddedBuild(t)
	found := 0
	for _, f := range b.Files {
		if !slices.Contains([]string{".js", ".css"}, path.Ext(f.Path)) {
			continue
		}
		content, _ := b.File(f.Path)
		for _, m := range reference.FindAllSubmatch(content.Bytes, -1) {
			name := string(m[1])
			if !strings.HasPrefix(name, "./") && !strings.HasPrefix(name, "../") && !strings.HasPrefix(name, "assets/") {
				continue // text that only looks like a file
			}
			found++
			if !strings.HasPrefix(name, "assets/") {
				name = path.Join(path.Dir(f.Path), name)
			}
			if _, ok := b.File(name); !ok {
				t.Errorf("%s asks for %s, which is not in the build", f.Path, m[1])
			}
		}
	}
	if found < 5 {
		t.Errorf("found only %d references; the pattern no longer matches how files are referenced", found)
	}
}

func TestEmbeddedBuildHasScriptStylesAndHTMLShellOfEveryPage(t *testing.T) {
	b := embeddedBuild(t)
	for name, e := range b.Entries {
		if e.Script == "" || len(e.Styles) == 0 || len(e.Preloads) == 0 || b.Icon == "" {
			t.Errorf("%s: incomplete entry %+v", name, e)
		}
		if _, ok := b.File("shells/" + name + ".html"); !ok {
			t.Errorf("%s has no shell", name)
		}
	}
}

// The budget is for everything that a visitor downloads before the page works, in bytes after compression.
func TestPageScriptsStayWithinSizeBudget(t *testing.T) {
	b := embeddedBuild(t)
	for name, budget := range map[string]int64{"lobby": 10_000, "room": 330_000} {
		e := b.Entries[name]
		for _, encoding := range assets.Encodings() {
			var scripts, all int64
			for _, file := range slices.Concat([]string{e.Script}, e.Preloads, e.Styles) {
				c, ok := b.File(file + encoding.Suffix)
				if !ok {
					c, _ = b.File(file)
				}
				all += c.Size
				if path.Ext(file) == ".js" {
					scripts += c.Size
				}
			}
			t.Logf("%s in %s: %d bytes, %d of them script", name, encoding.Name, all, scripts)
			if scripts > budget {
				t.Errorf("%s: %d bytes of script in %s; the budget is %d", name, scripts, encoding.Name, budget)
			}
		}
	}
}

// namedHosts lists hosts whose names appear in the libraries, as XML namespaces, in links for developers, and in the name
// of an RTP header extension. The libraries never connect to them.
var namedHosts = []string{"www.w3.org", "react.dev", "aomediacodec.github.io", "github.com"}

func TestBuildReferencesNoForeignHosts(t *testing.T) {
	address := regexp.MustCompile(`(?:https?|wss?):\\?/\\?/([a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+)`)
	b := embeddedBuild(t)
	for _, f := range b.Files {
		if strings.HasPrefix(f.Path, "shells/") {
			continue // the form contains an example of an address
		}
		content, _ := b.File(f.Path)
		for _, match := range address.FindAllSubmatch(content.Bytes, -1) {
			if host := string(match[1]); !slices.Contains(namedHosts, host) {
				t.Errorf("%s names the host %s", f.Path, host)
			}
		}
	}
}
