package assets_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meet/internal/assets"
	"meet/internal/fault"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("ASSETS_TEST_DIE_IN"); dir != "" {
		runKilledUpdate(dir)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// buildID returns the ID of a build.
func buildID(build map[string][]byte) string { return assets.ID(build["manifest.json"]) }

// runUpdate runs u and fails the test if it returns an error.
func runUpdate(t *testing.T, u *assets.Updater) assets.Outcome {
	t.Helper()
	o, err := u.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Files come from GitHub Pages if it has them, and otherwise from the commit.
func TestUpdateFromGitHubFetchesEachFileOnce(t *testing.T) {
	one, two := newBuild(t, "one", time.Time{}), newBuild(t, "two", time.Time{})
	for _, tc := range []struct {
		name    string
		options func(*fakeGitHub) assets.GitHubOptions
		pages   bool
		from    string // prefix of the path that the script must be fetched from
	}{
		{"Pages", func(s *fakeGitHub) assets.GitHubOptions { return assets.GitHubOptions{PagesURL: s.URL + "/pages"} }, true, "/pages/"},
		{"Pages lags", func(s *fakeGitHub) assets.GitHubOptions { return assets.GitHubOptions{PagesURL: s.URL + "/pages/"} }, false, "/raw/"},
		{"no Pages", func(*fakeGitHub) assets.GitHubOptions { return assets.GitHubOptions{} }, true, "/raw/"},
		{"private", func(s *fakeGitHub) assets.GitHubOptions { s.token = "t0"; return assets.GitHubOptions{Token: "t0"} }, true, "/api/v3/repos/ada/build/contents/"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, b := newFakeGitHub(t), newFixture(t)
			u := b.update(s.source(t, tc.options(s)))
			s.publish(one, true)
			if o := runUpdate(t, u); o.ID != buildID(one) || b.inUse() != buildID(one) {
				t.Fatalf("took %q, in use is %q, want %q", o.ID, b.inUse(), buildID(one))
			}
			if asked := s.takeRequests(); !slices.ContainsFunc(asked, func(a string) bool { return strings.HasSuffix(a, scriptName(t, one)) }) {
				t.Errorf("requested %q", asked)
			}
			if o := runUpdate(t, u); o.Build != nil {
				t.Errorf("installed %q again", o.ID)
			}
			if asked := s.takeRequests(); len(asked) != 1 {
				t.Errorf("nothing is new, but it requested %q", asked)
			}
			s.publish(two, tc.pages)
			if o, err := u.Check(t.Context()); err != nil || o.ID != buildID(two) || b.inUse() != buildID(one) {
				t.Errorf("check: %q, %v; in use is %q", o.ID, err, b.inUse())
			}
			s.takeRequests()
			o := runUpdate(t, u)
			if b.inUse() != buildID(two) || len(o.New) != 4 { // script, its two compressed forms, the list
				t.Errorf("in use is %q, want %q; fetched %v", b.inUse(), buildID(two), o.New)
			}
			asked := s.takeRequests()
			if last := asked[slices.IndexFunc(asked, func(a string) bool { return strings.HasSuffix(a, scriptName(t, two)) }):]; !slices.ContainsFunc(last, func(a string) bool {
				return strings.HasPrefix(a, tc.from) && strings.HasSuffix(a, scriptName(t, two))
			}) {
				t.Errorf("%s did not come from %s: %q", scriptName(t, two), tc.from, asked)
			}
			if slices.ContainsFunc(asked, func(a string) bool { return strings.HasSuffix(a, ".woff2") }) {
				t.Errorf("fetched what was here already: %q", asked)
			}
		})
	}
}

func TestUpdateInstallsBuildFromAnHTTPAddress(t *testing.T) {
	b := newFixture(t)
	one := newBuild(t, "one", time.Time{})
	folder := http.Dir(writeBuild(t, one))
	server := httptest.NewServer(http.StripPrefix("/x/y/", http.FileServer(folder)))
	t.Cleanup(server.Close)
	for _, address := range []string{"/x/y", "/x/y/", "/x/y/manifest.json"} {
		source, err := assets.NewHTTPSource(server.URL+address+"?sig=hunter2", assets.NewClient())
		if err != nil {
			t.Fatal(err)
		}
		if got := source.String(); got != server.URL+"/x/y/" {
			t.Errorf("the source at %s is described as %s", address, got)
		}
		runUpdate(t, b.update(source))
		if b.inUse() != buildID(one) {
			t.Errorf("in use is %q", b.inUse())
		}
	}
	s := newFakeGitHub(t)
	s.publish(newBuild(t, "two", time.Time{}), true)
	source, err := assets.NewHTTPSource(s.URL+"/pages", assets.NewClient())
	if err != nil {
		t.Fatal(err)
	}
	runUpdate(t, b.update(source))
	s.takeRequests()
	if o := runUpdate(t, b.update(source)); o.Build != nil || len(s.takeRequests()) != 1 {
		t.Errorf("a manifest with the same ETag was installed again: %+v", o)
	}
	s.Config.Handler = http.NotFoundHandler()
	_, err = b.update(source).Run(t.Context())
	wantError(t, err, fault.Unavailable, "there is no manifest.json at "+s.URL+"/pages/; check the address")
	for _, address := range []string{"", "x", "ftp://a/b", "file:///etc"} {
		if _, err := assets.NewHTTPSource(address, nil); err == nil {
			t.Errorf("%q was accepted", address)
		}
	}
	for _, name := range []string{"", "meet", "a/b/c", "a b/c", "../x", "a/b?c"} {
		if _, err := assets.NewGitHub(name, nil, assets.GitHubOptions{}); err == nil {
			t.Errorf("repository %q was accepted", name)
		}
	}
}

// A refused build must change nothing.
func TestUpdateExplainsWhyItRefusesABuild(t *testing.T) {
	good := newBuild(t, "good", time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	file := func(change func(*assets.File)) func(*assets.Manifest) {
		return func(m *assets.Manifest) { change(&m.Files[0]) }
	}
	named := func(path string) func(*assets.Manifest) { return file(func(f *assets.File) { f.Path = path }) }
	for _, tc := range []struct {
		name   string
		change func(*assets.Manifest)
		want   string
	}{
		{"path to a parent folder", named("../../etc/cron.d/x"), `names the file "../../etc/cron.d/x", which is outside the build's folder`},
		{"path through a parent folder", named("assets/../../x"), "is outside the build's folder"},
		{"absolute path", named("/etc/passwd"), "is outside the build's folder"},
		{"Windows path", named(`c:\x`), "only letters, digits and"},
		{"hidden file", named(".ssh/x"), "hidden files are not allowed"},
		{"escaped path", named("a%2e%2e"), "only letters, digits and"},
		{"long path", named(strings.Repeat("a", 201)), "at most 200 characters"},
		{"empty path", named(""), "is outside the build's folder"},
		{"manifest lists itself", named("Manifest.json"), `names the file "Manifest.json" twice`},
		{"duplicate file", func(m *assets.Manifest) { m.Files = append(m.Files, m.Files[0]) }, "twice"},
		{"no sum", file(func(f *assets.File) { f.SHA256 = "abc" }), "no SHA-256 sum"},
		{"large file", file(func(f *assets.File) { f.Size = 33 << 20 }), "would have 33.0 MB, and at most 32.0 MB are allowed"},
		{"negative size", file(func(f *assets.File) { f.Size = -1 }), "at most 32.0 MB are allowed"},
		{"large build", func(m *assets.Manifest) {
			for i := range 5 {
				m.Files = append(m.Files, assets.File{Path: fmt.Sprint("f", i), Size: 30 << 20, SHA256: strings.Repeat("0", 64)})
			}
		}, "larger than the 128.0 MB"},
		{"many files", func(m *assets.Manifest) {
			for i := range 2001 {
				m.Files = append(m.Files, assets.File{Path: fmt.Sprint("f", i), SHA256: strings.Repeat("0", 64)})
			}
		}, "at most 2000 are allowed"},
		{"newer format", func(m *assets.Manifest) { m.Format = 2 }, "has format 2 and this Meet reads format 1"},
		{"no versions", func(m *assets.Manifest) { m.Meet.From = "" }, "does not say which versions"},
		{"build for a newer Meet", func(m *assets.Manifest) { m.Meet = assets.Versions{From: "0.3.0", Below: "0.4.0"} }, "is for Meet from 0.3.0 to below 0.4.0, and this is 0.2.0"},
		{"build for an older Meet", func(m *assets.Manifest) { m.Meet = assets.Versions{From: "0.0.1", Below: "0.2.0"} }, "and this is 0.2.0"},
		{"no pages", func(m *assets.Manifest) { m.Entries = nil }, "names no page"},
		{"missing page", func(m *assets.Manifest) { m.Entries = map[string]assets.Entry{"other": m.Entries["lobby"]} }, `lacks the page "lobby", which this Meet has`},
		{"page without its script", func(m *assets.Manifest) {
			e := m.Entries["lobby"]
			e.Script = "assets/none.js"
			m.Entries = map[string]assets.Entry{"lobby": e}
		}, `needs the file "assets/none.js", which the build lacks`},
		{"no date", func(m *assets.Manifest) { m.Made = time.Time{} }, "made on an unknown date and the one in use on 1 May 2026, 00:00 UTC; install it with --force"},
		{"older build", func(m *assets.Manifest) { m.Made = m.Made.Add(-time.Hour) }, "made on 30 April 2026, 23:00 UTC and the one in use on 1 May 2026, 00:00 UTC"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, b := newFakeGitHub(t), newFixture(t)
			u := b.update(s.source(t, assets.GitHubOptions{}))
			s.publish(good, false)
			runUpdate(t, u)
			s.publish(editManifest(t, good, tc.change), false)
			s.takeRequests()
			_, err := u.Run(t.Context())
			wantError(t, err, fault.Invalid, tc.want)
			if b.inUse() != buildID(good) {
				t.Errorf("in use is %q", b.inUse())
			}
			if asked := s.takeRequests(); slices.ContainsFunc(asked, func(a string) bool { return strings.HasPrefix(a, "/raw/") }) {
				t.Errorf("fetched files of a build that it refuses: %q", asked)
			}
		})
	}
}

// wantError fails the test unless err has the given kind and is one sentence that contains want.
func wantError(t *testing.T, err error, kind fault.Kind, want string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v (%v), want %v: %q", err, fault.KindOf(err), kind, want)
	}
}

func TestForcedUpdateInstallsOlderBuild(t *testing.T) {
	day := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for _, made := range []time.Time{day.Add(-time.Hour), {}} {
		s, b := newFakeGitHub(t), newFixture(t)
		u := b.update(s.source(t, assets.GitHubOptions{}))
		s.publish(newBuild(t, "one", day), false)
		runUpdate(t, u)
		older := newBuild(t, "two", made)
		s.publish(older, false)
		u.Force = true
		if runUpdate(t, u); b.inUse() != buildID(older) {
			t.Errorf("in use is %q, want %q", b.inUse(), buildID(older))
		}
	}
}

func TestUpdateRetriesOrExplainsFailedTransfers(t *testing.T) {
	cut := func(w http.ResponseWriter, content string, n int) {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = io.WriteString(w, content[:n])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	for _, tc := range []struct {
		name   string
		answer func(content string) faultFunc
		want   string     // in the error; "" is none
		kind   fault.Kind // of the error
		asked  string     // part of a request that must have been made
	}{
		{"cut once", func(content string) faultFunc {
			return func(w http.ResponseWriter, _ *http.Request, before int) bool {
				if before == 0 {
					cut(w, content, 1000)
				}
				return false
			}
		}, "", 0, "bytes=1000-"},
		{"cut always", func(content string) faultFunc {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool {
				cut(w, content, 1000)
				return true
			}
		}, "after 1000 of ", fault.Unavailable, "bytes=1000-"},
		{"shorter than in the manifest", func(content string) faultFunc {
			return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				_, _ = io.WriteString(w, content[:500])
				return true
			}
		}, "has 500 bytes on ", fault.Invalid, ""},
		{"chunked answer breaks off", func(content string) faultFunc {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool {
				_, _ = io.WriteString(w, content[:500])
				_ = http.NewResponseController(w).Flush()
				return r.Header.Get("Range") == ""
			}
		}, "", 0, "bytes=500-"},
		{"tampered", func(content string) faultFunc {
			return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				_, _ = io.WriteString(w, strings.Replace(content, "new", "bad", 1))
				return true
			}
		}, "is not what the manifest says: its SHA-256 sum differs", fault.Invalid, ""},
		{"oversized", func(content string) faultFunc {
			return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				_, _ = io.WriteString(w, content)
				for range 100 {
					if _, err := io.WriteString(w, strings.Repeat("x", 10_000)); err != nil {
						break
					}
				}
				return true
			}
		}, "is larger than the", fault.Invalid, ""},
		{"stalled", func(content string) faultFunc {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.Header.Get("Range") == "" {
					_, _ = io.WriteString(w, content[:100])
				}
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
				return true
			}
		}, "sent nothing of the file", fault.Unavailable, ""},
		{"missing", func(string) faultFunc {
			return func(w http.ResponseWriter, r *http.Request, _ int) bool { http.NotFound(w, r); return true }
		}, `answers "404 Not Found" when asked for`, fault.Unavailable, ""},
		{"two server errors", func(string) faultFunc {
			return func(w http.ResponseWriter, _ *http.Request, before int) bool {
				if before < 2 {
					http.Error(w, "", http.StatusBadGateway)
				}
				return before < 2
			}
		}, "", 0, ""},
		{"permanent server error", func(string) faultFunc {
			return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				http.Error(w, "", http.StatusBadGateway)
				return true
			}
		}, `answers "502 Bad Gateway"`, fault.Unavailable, ""},
		{"range not satisfiable", func(content string) faultFunc {
			return func(w http.ResponseWriter, r *http.Request, before int) bool {
				if before == 0 {
					cut(w, content, 1000)
				}
				if r.Header.Get("Range") != "" {
					w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
					return true
				}
				return false
			}
		}, "", 0, "bytes=1000-"},
		{"range ignored", func(content string) faultFunc {
			return func(w http.ResponseWriter, r *http.Request, before int) bool {
				if before == 0 {
					cut(w, content, 1000)
				}
				r.Header.Del("Range")
				return false
			}
		}, "", 0, "bytes=1000-"},
		{"wrong bytes at first", func(content string) faultFunc {
			return func(w http.ResponseWriter, _ *http.Request, before int) bool {
				if before == 0 {
					cut(w, strings.ToUpper(content), 1000)
				}
				return false
			}
		}, "", 0, "bytes=1000-"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, b := newFakeGitHub(t), newFixture(t)
			fresh := newBuild(t, "new", time.Time{})
			name := scriptName(t, fresh)
			s.publish(fresh, false)
			s.setFault(name, tc.answer(string(fresh[name])))
			u := b.update(s.source(t, assets.GitHubOptions{}))
			var last assets.Progress
			u.Progress = func(p assets.Progress) { last = p }
			_, err := u.Run(t.Context())
			asked := strings.Join(s.takeRequests(), "\n")
			if !strings.Contains(asked, tc.asked) {
				t.Errorf("did not request %s:\n%s", tc.asked, asked)
			}
			if tc.want == "" {
				if err != nil || b.inUse() != buildID(fresh) {
					t.Errorf("error %v; in use is %q, want %q", err, b.inUse(), buildID(fresh))
				}
				if last.Files != last.TotalFiles || last.Bytes != last.TotalBytes {
					t.Errorf("the last progress is %+v", last)
				}
				return
			}
			wantError(t, err, tc.kind, tc.want)
			if b.inUse() != b.embedded.ID {
				t.Errorf("in use is %q", b.inUse())
			}
			s.setFault(name, nil)
			s.takeRequests()
			if runUpdate(t, u); b.inUse() != buildID(fresh) {
				t.Errorf("after the fault in use is %q", b.inUse())
			}
			if asked := s.takeRequests(); tc.name == "cut always" && len(asked) > 3 { // commit, manifest, the script
				t.Errorf("fetched the same bytes again: %q", asked)
			}
		})
	}
}

func TestSecondUpdateIsRefusedWhileOneRuns(t *testing.T) {
	s, b := newFakeGitHub(t), newFixture(t)
	s.publish(newBuild(t, "new", time.Time{}), false)
	u := b.update(s.source(t, assets.GitHubOptions{}))
	u.OnFound = func(assets.Outcome) {
		_, err := b.update(s.source(t, assets.GitHubOptions{})).Run(t.Context())
		wantError(t, err, fault.Unavailable, "another update of the front end is in progress")
	}
	runUpdate(t, u)
	if left, _ := filepath.Glob(filepath.Join(b.dir, "incoming*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}
