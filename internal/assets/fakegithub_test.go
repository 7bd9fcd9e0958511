package assets_test

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meet/internal/assets"
)

// newBuild makes a published build of one page, whose script contains the given text, and returns its files by path.
func newBuild(t testing.TB, script string, made time.Time) map[string][]byte {
	t.Helper()
	from, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	sum := sha1.Sum([]byte(script)) // in the place of Vite's hash in file names
	name := "assets/lobby-" + hex.EncodeToString(sum[:4]) + ".js"
	for path, text := range map[string]string{
		name:                     script + strings.Repeat("\n// long enough to be worth compressing", 200),
		"assets/lobby-0.css":     "body { color: red }",
		"assets/text-0.woff2":    "a font",
		"assets/favicon-0.svg":   "<svg/>",
		"assets/shared-0.js":     "export {}",
		"manifest.json":          `{"pages/lobby.ts":{"file":"` + name + `","name":"lobby","isEntry":true,"imports":["_shared.js"],"css":["assets/lobby-0.css"]},"_shared.js":{"file":"assets/shared-0.js"},"a/text.woff2":{"file":"assets/text-0.woff2"},"styles/favicon.svg":{"file":"assets/favicon-0.svg"}}`,
		"assets/sounds/join.ogg": "a sound",
	} {
		path = filepath.Join(from, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := assets.Pack(from, out, assets.PackOptions{Version: version, Made: made}); err != nil {
		t.Fatal(err)
	}
	return readFiles(t, os.DirFS(out))
}

// readFiles returns the content of all files below folder by path.
func readFiles(t testing.TB, folder fs.FS) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[name], err = fs.ReadFile(folder, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// editManifest returns a copy of build with a changed manifest.
func editManifest(t testing.TB, build map[string][]byte, change func(*assets.Manifest)) map[string][]byte {
	t.Helper()
	var m assets.Manifest
	if err := json.Unmarshal(build["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	change(&m)
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	build = maps.Clone(build)
	build["manifest.json"] = raw
	return build
}

// scriptName returns the path of the page's script, which differs between builds.
func scriptName(t testing.TB, build map[string][]byte) string {
	t.Helper()
	for name := range build {
		if strings.HasPrefix(name, "assets/lobby-") && strings.HasSuffix(name, ".js") {
			return name
		}
	}
	t.Fatal("the build has no script")
	return ""
}

// fakeGitHub serves the repository ada/build as GitHub's API, its raw file server and GitHub Pages do.
type fakeGitHub struct {
	*httptest.Server

	mu        sync.Mutex
	commits   map[string]map[string][]byte // files of the branch by commit and path
	newest    string
	pages     string               // the commit that Pages serves
	token     string               // required of requests if not ""
	apiFault  http.HandlerFunc     // answers all API requests if not nil
	faults    map[string]faultFunc // answer requests for a file, by its path in the build
	requested []string             // URL path and Range header of each request
}

// faultFunc may answer a request for a file, and reports whether it has answered. before is the number of earlier
// requests for the file.
type faultFunc func(w http.ResponseWriter, r *http.Request, before int) bool

// newFakeGitHub starts a server with an empty repository.
func newFakeGitHub(t testing.TB) *fakeGitHub {
	s := &fakeGitHub{commits: map[string]map[string][]byte{}, faults: map[string]faultFunc{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// publish commits a build to the branch and returns the commit. GitHub Pages serves the commit only if pages is true.
func (s *fakeGitHub) publish(build map[string][]byte, pages bool) (commit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := sha1.Sum(fmt.Appendf(nil, "%d %s", len(s.commits), build["manifest.json"]))
	commit = hex.EncodeToString(sum[:])
	s.commits[commit], s.newest = build, commit
	if pages {
		s.pages = commit
	}
	return commit
}

// setFault makes the server call answer for each request for the named file. If answer is nil, the fault is removed.
func (s *fakeGitHub) setFault(name string, answer faultFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[name] = answer
}

// takeRequests returns the requests since its last call.
func (s *fakeGitHub) takeRequests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.requested
	s.requested = nil
	return asked
}

// serve answers all requests.
func (s *fakeGitHub) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	before := len(slices.DeleteFunc(slices.Clone(s.requested), func(a string) bool { return strings.Fields(a)[0] != r.URL.Path }))
	s.requested = append(s.requested, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Range")))
	newest, pages, token, fault := s.newest, s.pages, s.token, s.apiFault
	s.mu.Unlock()
	const api = "/api/v3/repos/ada/build/"
	path, isAPI := strings.CutPrefix(r.URL.Path, api)
	switch {
	case isAPI && fault != nil:
		fault(w, r)
	case isAPI && token != "" && r.Header.Get("Authorization") != "Bearer "+token:
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound) // GitHub answers so for repositories that the token does not cover
	case path == "commits/heads/gh-pages" && newest != "":
		w.Header().Set("ETag", `"`+newest+`"`)
		if r.Header.Get("If-None-Match") == `"`+newest+`"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(newest))
	case isAPI && strings.HasPrefix(path, "contents/"):
		s.serveContents(w, r, r.URL.Query().Get("ref"), strings.TrimPrefix(path, "contents/"), before)
	case strings.HasPrefix(r.URL.Path, "/raw/") && token == "":
		commit, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/raw/"), "/")
		s.serveFile(w, r, commit, name, before)
	case strings.HasPrefix(r.URL.Path, "/pages/"):
		s.serveFile(w, r, pages, strings.TrimPrefix(r.URL.Path, "/pages/"), before)
	default:
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
	}
}

// serveContents answers an API request for the contents of a file, as JSON or raw.
func (s *fakeGitHub) serveContents(w http.ResponseWriter, r *http.Request, commit, name string, before int) {
	s.mu.Lock()
	content, ok := s.commits[commit][name]
	s.mu.Unlock()
	if !ok || strings.Contains(r.Header.Get("Accept"), "raw") {
		s.serveFile(w, r, commit, name, before)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "file", "encoding": "base64", "name": name, "path": name, "size": len(content),
		"content": base64.StdEncoding.EncodeToString(content), "download_url": s.URL + "/raw/" + commit + "/" + name,
	})
}

// serveFile answers a request for a file of a commit.
func (s *fakeGitHub) serveFile(w http.ResponseWriter, r *http.Request, commit, name string, before int) {
	s.mu.Lock()
	content, ok := s.commits[commit][name]
	fault := s.faults[name]
	s.mu.Unlock()
	switch {
	case fault != nil && fault(w, r, before):
	case !ok:
		http.NotFound(w, r)
	default:
		sum := sha1.Sum(content)
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(content)))
	}
}

// source returns a GitHub source that uses this server.
func (s *fakeGitHub) source(t testing.TB, o assets.GitHubOptions) assets.Source {
	t.Helper()
	o.APIURL = s.URL
	g, err := assets.NewGitHub("ada/build", assets.NewClient(), o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// fixture is a store with an embedded build to fall back to.
type fixture struct {
	dir      string
	store    *assets.Store
	embedded *assets.Build
}

// newFixture returns a fixture with an empty store.
func newFixture(t testing.TB) *fixture {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "frontend")
	return &fixture{dir, assets.NewStore(dir, nil), openBuild(t, newBuild(t, "embedded", time.Time{}))}
}

// openBuild opens a build from its files.
func openBuild(t testing.TB, build map[string][]byte) *assets.Build {
	t.Helper()
	b, err := assets.Open(os.DirFS(writeBuild(t, build)), version, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// writeBuild writes the files of a build to a temporary folder and returns it.
func writeBuild(t testing.TB, build map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range build {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// update returns an Updater that installs builds of s in the store.
func (b *fixture) update(s assets.Source) *assets.Updater {
	return (&assets.Updater{Source: s, Store: b.store, Embedded: b.embedded, Version: version}).WithShortTimeouts()
}

// inUse returns the ID of the build that a server started now would serve.
func (b *fixture) inUse() string {
	return assets.NewLibrary(b.embedded, b.store, version, assets.LibraryOptions{}).Current().ID
}
