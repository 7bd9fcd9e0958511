package web

import (
	"compress/gzip"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"meet/web/templates"
)

func TestEntryFilesExist(t *testing.T) {
	for name := range entries {
		a := Entry(name)
		if len(a.Scripts) != 1 || len(a.Styles) == 0 || a.Icon == "" {
			t.Errorf("%s: incomplete assets %+v", name, a)
		}
		for _, path := range slices.Concat(a.Scripts, a.Styles, a.Preloads, []string{a.Icon}) {
			file, ok := strings.CutPrefix(path, root)
			if _, err := fs.Stat(Static, file); !ok || err != nil {
				t.Errorf("%s: %s is not in the build (%v)", name, path, err)
			}
		}
	}
}

func TestEntryRefusesUnknownNames(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an unknown entry did not panic")
		}
	}()
	Entry("attic")
}

func TestAssetsPutImportsFirst(t *testing.T) {
	m := map[string]chunk{
		"page.ts":     {File: "p.js", Imports: []string{"_a.js"}, CSS: []string{"p.css"}},
		"_a.js":       {File: "a.js", Imports: []string{"_b.js"}, CSS: []string{"a.css"}},
		"_b.js":       {File: "b.js", Imports: []string{"_a.js"}, CSS: []string{"b.css"}},
		"t.woff2":     {File: "t.woff2"},
		"favicon.svg": {File: "i.svg"},
	}
	want := templates.Assets{
		Styles:   []string{"/static/b.css", "/static/a.css", "/static/p.css"},
		Scripts:  []string{"/static/p.js"},
		Preloads: []string{"/static/a.js", "/static/b.js", "/static/t.woff2"},
		Icon:     "/static/i.svg",
	}
	if diff := cmp.Diff(want, assets(m, "page.ts")); diff != "" {
		t.Error(diff)
	}
}

func TestManifestProblems(t *testing.T) {
	tests := map[string]struct {
		build fstest.MapFS
		want  string
	}{
		"missing":    {fstest.MapFS{}, "read the front end's manifest"},
		"broken":     {fstest.MapFS{"manifest.json": {Data: []byte("{")}}, "decode the front end's manifest"},
		"incomplete": {fstest.MapFS{"manifest.json": {Data: []byte("{}")}}, "manifest lacks"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := readManifest(tt.build); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// What a visitor downloads before a page works, compressed, in bytes.
func TestScriptBudget(t *testing.T) {
	for name, budget := range map[string]int64{"lobby": 12_000, "room": 400_000} {
		var total int64
		a := Entry(name)
		for _, path := range slices.Concat(a.Scripts, a.Preloads) {
			if strings.HasSuffix(path, ".js") {
				total += gzipped(t, strings.TrimPrefix(path, root))
			}
		}
		t.Logf("%s: %d bytes of script, compressed", name, total)
		if total > budget {
			t.Errorf("%s: %d bytes of script, compressed; the budget is %d", name, total, budget)
		}
	}
}

func gzipped(t *testing.T, file string) int64 {
	t.Helper()
	raw, err := fs.ReadFile(Static, file)
	if err != nil {
		t.Fatal(err)
	}
	var n counter
	z, err := gzip.NewWriterLevel(&n, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return int64(n)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Hosts that the libraries name without ever fetching from them: namespaces of
// XML, links in messages for developers, and the name of an RTP header extension.
var namedHosts = []string{"www.w3.org", "react.dev", "aomediacodec.github.io", "github.com"}

func TestBuildNamesNoOtherHost(t *testing.T) {
	address := regexp.MustCompile(`(?:https?|wss?):\\?/\\?/([a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+)`)
	err := fs.WalkDir(Static, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(Static, path)
		if err != nil {
			return err
		}
		for _, match := range address.FindAllSubmatch(raw, -1) {
			if host := string(match[1]); !slices.Contains(namedHosts, host) {
				t.Errorf("%s names the host %s", path, host)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
