package assets_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meet/internal/assets"
)

func TestPackIsReproducible(t *testing.T) {
	one, again := newBuild(t, "x", time.Time{}), newBuild(t, "x", time.Time{})
	if diff := cmp.Diff(one, again); diff != "" {
		t.Errorf("the same input gave other bytes:\n%s", diff)
	}
	var m assets.Manifest
	if err := json.Unmarshal(one["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	name := scriptName(t, one)
	want := map[string]assets.Entry{"lobby": {
		Script: name, Styles: []string{"assets/lobby-0.css"}, Preloads: []string{"assets/shared-0.js", "assets/text-0.woff2"},
	}}
	if diff := cmp.Diff(want, m.Entries); diff != "" {
		t.Error(diff)
	}
	if m.Meet != (assets.Versions{From: "0.2.0", Below: "0.3.0"}) || m.Icon != "assets/favicon-0.svg" {
		t.Errorf("%+v", m)
	}
	listed := append(strings.Fields(string(one["flist.txt"])), "manifest.json", ".gitattributes")
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(one)), listed); diff != "" {
		t.Errorf("flist.txt:\n%s", diff)
	}
	for _, file := range []string{name + ".br", name + ".gz"} {
		if one[file] == nil {
			t.Errorf("%s is missing", file)
		}
	}
}

func TestPackDoesNotOverwriteAFolderWithoutABuild(t *testing.T) {
	out := t.TempDir()
	precious := filepath.Join(out, "thesis.txt")
	if err := os.WriteFile(precious, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := assets.Pack(t.TempDir(), out, assets.PackOptions{Version: version})
	if err == nil || !strings.Contains(err.Error(), "does not contain a build") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

// The order must also hold if modules import each other.
func TestPackListsStylesOfImportedModulesFirst(t *testing.T) {
	from := writeBuild(t, map[string][]byte{
		"p.js": nil, "a.js": nil, "b.js": nil, "p.css": nil, "a.css": nil, "b.css": nil, "i.svg": nil,
		"manifest.json": []byte(`{
			"page.ts": {"file":"p.js","name":"page","isEntry":true,"imports":["_a.js"],"css":["p.css"]},
			"_a.js": {"file":"a.js","imports":["_b.js"],"css":["a.css"]},
			"_b.js": {"file":"b.js","imports":["_a.js"],"css":["b.css"]},
			"favicon.svg": {"file":"i.svg"}}`),
	})
	m, err := assets.Pack(from, filepath.Join(t.TempDir(), "out"), assets.PackOptions{Version: "2.3.4"})
	if err != nil {
		t.Fatal(err)
	}
	want := assets.Entry{Script: "p.js", Styles: []string{"b.css", "a.css", "p.css"}, Preloads: []string{"a.js", "b.js"}}
	if diff := cmp.Diff(want, m.Entries["page"]); diff != "" {
		t.Error(diff)
	}
	if m.Meet != (assets.Versions{From: "2.3.4", Below: "3.0.0"}) {
		t.Errorf("fits %+v", m.Meet)
	}
}

func FuzzParseManifest(f *testing.F) {
	// The manifest of a real build has 2 KB, which the fuzzer would need minutes to minimise for each new code path.
	small := []byte(`{"format":1,"meet":{"from":"0.2.0","below":"1.0.0"},"icon":"b.js","entries":{"a":{"script":"b.js","styles":["b.js"],"preloads":[]}},` +
		`"files":[{"path":"b.js","size":1,"sha256":"` + strings.Repeat("0", 64) + `"}]}`)
	if _, err := assets.ParseManifest(small); err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	f.Add([]byte(`{"format":1,"meet":{"from":"0.2.0","below":"1.0.0"},"entries":{"a":{"script":"b"}},"files":[{"path":"../b","size":-1}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := assets.ParseManifest(raw)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(file.Path) || strings.ContainsAny(file.Path, `\:%`) || file.Size < 0 {
				t.Errorf("accepted %+v", file)
			}
		}
	})
}
