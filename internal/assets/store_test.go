package assets_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"meet/internal/assets"
	"meet/internal/fault"
)

// install installs a build in the store.
func (b *fixture) install(t *testing.T, build map[string][]byte) {
	t.Helper()
	s := newFakeGitHub(t)
	s.publish(build, false)
	runUpdate(t, b.update(s.source(t, assets.GitHubOptions{})))
}

func TestRollbackSelectsPreviousBuild(t *testing.T) {
	s, b := newFakeGitHub(t), newFixture(t)
	one, two := newBuild(t, "one", time.Time{}), newBuild(t, "two", time.Time{})
	u := b.update(s.source(t, assets.GitHubOptions{}))
	if _, err := b.store.Rollback(b.embedded, version); err == nil || !strings.Contains(err.Error(), "there is no earlier one") {
		t.Errorf("nothing to roll back: %v", err)
	}
	s.publish(one, false)
	runUpdate(t, u)
	s.publish(two, false)
	runUpdate(t, u)
	back, err := b.store.Rollback(b.embedded, version)
	if err != nil || back.ID != buildID(one) || b.inUse() != buildID(one) {
		t.Fatalf("back to %v, %v; in use is %q", back, err, b.inUse())
	}
	u.Automatic = true
	if o := runUpdate(t, u); o.Build != nil || b.inUse() != buildID(one) {
		t.Errorf("the server installed the build again that was rolled back from: %q", b.inUse())
	}
	u.Automatic = false
	if runUpdate(t, u); b.inUse() != buildID(two) {
		t.Errorf("requested by the operator, in use is %q", b.inUse())
	}
	for _, want := range []string{buildID(one), b.embedded.ID} {
		if _, err := b.store.Rollback(b.embedded, version); err != nil || b.inUse() != want {
			t.Errorf("back to %q: in use is %q, %v", want, b.inUse(), err)
		}
	}
	// A build that is newer than the one rolled back from is installed.
	three := newBuild(t, "three", time.Time{})
	s.publish(three, false)
	u.Automatic = true
	if runUpdate(t, u); b.inUse() != buildID(three) {
		t.Errorf("in use is %q", b.inUse())
	}
}

func TestListShowsBuildsAndTheirStates(t *testing.T) {
	b := newFixture(t)
	states := func() (all []string) {
		list, err := b.store.List(b.embedded, version)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			if l.Problem != nil {
				l.State += "!"
			}
			all = append(all, l.ID+" "+l.State)
		}
		return all
	}
	want := func(want ...string) {
		t.Helper()
		if got := strings.Join(states(), ", "); got != strings.Join(want, ", ") {
			t.Errorf("got %s, want %s", got, strings.Join(want, ", "))
		}
	}
	want(b.embedded.ID + " in use, in this program")
	one, two := newBuild(t, "one", time.Time{}), newBuild(t, "two", time.Time{})
	b.install(t, one)
	want(buildID(one)+" in use", b.embedded.ID+" in this program")
	b.install(t, two)
	want(buildID(two)+" in use", buildID(one)+" last good", b.embedded.ID+" in this program")
	if err := os.Remove(filepath.Join(b.dir, "builds", buildID(one), "flist.txt")); err != nil {
		t.Fatal(err)
	}
	want(buildID(two)+" in use", buildID(one)+" last good!", b.embedded.ID+" in this program")
}

func TestPruneKeepsRecentlyReplacedBuilds(t *testing.T) {
	b := newFixture(t)
	builds := []map[string][]byte{newBuild(t, "one", time.Time{}), newBuild(t, "two", time.Time{}), newBuild(t, "three", time.Time{}), newBuild(t, "four", time.Time{})}
	for _, build := range builds[:3] {
		b.install(t, build)
	}
	there := func(build map[string][]byte) bool {
		_, err := os.Stat(filepath.Join(b.dir, "builds", buildID(build)))
		return err == nil
	}
	if !there(builds[0]) || !there(builds[1]) || !there(builds[2]) {
		t.Error("a build that was in use a moment ago is gone")
	}
	for _, build := range builds[:2] {
		if err := b.store.Retire(buildID(build), assets.Retention+time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	b.install(t, builds[3])
	if there(builds[0]) || there(builds[1]) || !there(builds[2]) || !there(builds[3]) {
		t.Errorf("there are %v %v %v %v, want the last two", there(builds[0]), there(builds[1]), there(builds[2]), there(builds[3]))
	}
}

// The files of replaced builds are served from memory, even after their folders have been deleted.
func TestLibraryUsesNewBuildAndStillServesOldFiles(t *testing.T) {
	b := newFixture(t)
	var since time.Time
	var log bytes.Buffer
	l := assets.NewLibrary(b.embedded, b.store, version, assets.LibraryOptions{
		OldestMeeting: func() time.Time { return since }, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if l.Current() != b.embedded {
		t.Fatalf("in use is %q", l.Current().ID)
	}
	one, two := newBuild(t, "one", time.Time{}), newBuild(t, "two", time.Time{})
	b.install(t, one)
	if l.Current().ID != buildID(one) {
		t.Errorf("in use is %q, want %q", l.Current().ID, buildID(one))
	}
	b.install(t, two)
	if err := os.RemoveAll(filepath.Join(b.dir, "builds", buildID(one))); err != nil {
		t.Fatal(err)
	}
	if l.Current().ID != buildID(two) {
		t.Errorf("in use is %q, want %q", l.Current().ID, buildID(two))
	}
	for _, build := range []map[string][]byte{one, two, newBuild(t, "embedded", time.Time{})} {
		if got := l.BuildWithFile(scriptName(t, build)); got == nil || got.ID != buildID(build) {
			t.Errorf("%s is in %v, want %q", scriptName(t, build), got, buildID(build))
		}
	}
	if got := l.BuildWithFile("flist.txt"); got.ID != buildID(two) {
		t.Errorf("what all have comes from %q", got.ID)
	}
	if got := l.BuildWithFile("nowhere.js"); got != nil {
		t.Errorf("nowhere.js is in %q", got.ID)
	}

	log.Reset()
	if err := os.WriteFile(filepath.Join(b.dir, "current"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if l.Current().ID != buildID(two) {
			t.Errorf("with a damaged record, in use is %q", l.Current().ID)
		}
	}
	if n := strings.Count(log.String(), "the front end cannot be used"); n != 1 {
		t.Errorf("logged %d times: %s", n, &log)
	}
}

func TestLibraryIgnoresBuildForOlderMeet(t *testing.T) {
	b := newFixture(t)
	b.install(t, newBuild(t, "one", time.Time{}))
	var log bytes.Buffer
	l := assets.NewLibrary(b.embedded, b.store, "0.3.0", assets.LibraryOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if l.Current() != b.embedded || !strings.Contains(log.String(), "is for Meet from 0.2.0 to below 0.3.0, and this is 0.3.0") {
		t.Errorf("in use is %q: %s", l.Current().ID, &log)
	}
}

func TestLibraryDropsReplacedBuildsThatNoOngoingMeetingNeeds(t *testing.T) {
	b := newFixture(t)
	one, two, three := newBuild(t, "one", time.Time{}), newBuild(t, "two", time.Time{}), newBuild(t, "three", time.Time{})
	b.install(t, one)
	meeting := time.Now()
	b.install(t, two)
	if err := b.store.Retire(buildID(one), assets.Retention+time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		since time.Time
		kept  bool
	}{{"no meeting", time.Time{}, false}, {"meeting began later", meeting, false}, {"meeting began before", meeting.Add(-30 * time.Hour), true}} {
		l := assets.NewLibrary(b.embedded, b.store, version, assets.LibraryOptions{OldestMeeting: func() time.Time { return tc.since }})
		if l.Current().ID != buildID(two) || (l.BuildWithFile(scriptName(t, one)) != nil) != tc.kept {
			t.Errorf("%s: the build before is in %v, want it kept %v", tc.name, l.BuildWithFile(scriptName(t, one)), tc.kept)
		}
	}
	b.install(t, three)
}

func TestLibraryFallsBackToAnIntactBuildWhenStoreIsDamaged(t *testing.T) {
	one, two := newBuild(t, "one", time.Time{}), newBuild(t, "two", time.Time{})
	for _, tc := range []struct {
		name   string
		damage func(dir string) error
		want   string
	}{
		{"undamaged", func(string) error { return nil }, buildID(two)},
		{"record truncated", func(dir string) error { return os.Truncate(filepath.Join(dir, "current"), 5) }, ""},
		{"record names a path outside", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "current"), []byte(`{"current":"../../../etc"}`), 0o600)
		}, ""},
		{"current build missing", func(dir string) error { return os.RemoveAll(filepath.Join(dir, "builds", buildID(two))) }, buildID(one)},
		{"current build changed", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "builds", buildID(two), "assets/lobby-0.css"), []byte("body { color: RED }"), 0o600)
		}, buildID(one)},
		{"current build has a link", func(dir string) error {
			name := filepath.Join(dir, "builds", buildID(two), "assets/lobby-0.css")
			return errors.Join(os.Rename(name, name+"2"), os.Symlink(name+"2", name))
		}, buildID(one)},
		{"both builds missing", func(dir string) error { return os.RemoveAll(filepath.Join(dir, "builds")) }, ""},
		{"store missing", os.RemoveAll, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newFixture(t)
			b.install(t, one)
			b.install(t, two)
			if err := tc.damage(b.dir); err != nil {
				t.Fatal(err)
			}
			want := tc.want
			if want == "" {
				want = b.embedded.ID
			}
			if got := b.inUse(); got != want {
				t.Errorf("in use is %q, want %q", got, want)
			}
			if b.install(t, two); b.inUse() != buildID(two) {
				t.Errorf("after an update in use is %q, want %q", b.inUse(), buildID(two))
			}
		})
	}
}

func TestOpenRefusesBrokenBuilds(t *testing.T) {
	good := newBuild(t, "good", time.Time{})
	name := "assets/lobby-0.css"
	for _, tc := range []struct {
		name   string
		change func(fstest.MapFS)
		want   string
	}{
		{"no manifest", func(f fstest.MapFS) { delete(f, "manifest.json") }, `lacks the file "manifest.json"`},
		{"truncated manifest", func(f fstest.MapFS) { f["manifest.json"].Data = f["manifest.json"].Data[:100] }, "cannot be read"},
		{"large manifest", func(f fstest.MapFS) { f["manifest.json"].Data = make([]byte, 1<<20+1) }, "1.0 MB"},
		{"no file", func(f fstest.MapFS) { delete(f, name) }, `lacks the file "assets/lobby-0.css"`},
		{"shorter file", func(f fstest.MapFS) { f[name].Data = f[name].Data[1:] }, "has 18 bytes and the manifest says 19"},
		{"longer file", func(f fstest.MapFS) { f[name].Data = append(f[name].Data, ' ') }, "has 20 bytes and the manifest says 19"},
		{"much longer file", func(f fstest.MapFS) {
			f[name].Data = append(f[name].Data, f[name].Data...)
			f[name].Data = append(f[name].Data, ' ')
		}, "has 39 bytes and may have at most 38 bytes"},
		{"changed file", func(f fstest.MapFS) { f[name].Data[0]++ }, "its SHA-256 sum differs"},
		{"link", func(f fstest.MapFS) {
			f[name] = &fstest.MapFile{Data: []byte("lobby-1.css"), Mode: os.ModeSymlink}
		}, "is a link or a folder, and only files are allowed"},
		{"folder", func(f fstest.MapFS) { f[name].Mode = os.ModeDir }, "is a link or a folder"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			folder := fstest.MapFS{}
			for name, content := range good {
				folder[name] = &fstest.MapFile{Data: bytes.Clone(content), Mode: 0o600}
			}
			tc.change(folder)
			_, err := assets.Open(folder, version, nil)
			wantError(t, err, fault.Invalid, tc.want)
		})
	}
}

// fakeSource is a source without new builds. Before the time brokenUntil, it returns an error.
type fakeSource struct {
	brokenUntil time.Time
	queriedAt   []time.Time
}

func (p *fakeSource) String() string { return "a test" }

// Newest records the time of the query.
func (p *fakeSource) Newest(context.Context, string) (assets.Release, error) {
	p.queriedAt = append(p.queriedAt, time.Now())
	if time.Now().Before(p.brokenUntil) {
		return assets.Release{}, fault.New(fault.Unavailable, "out of order")
	}
	return assets.Release{}, assets.ErrUnchanged
}

func TestPollingForUpdatesQueriesEveryIntervalAndLogsAFailureOnce(t *testing.T) {
	b := newFixture(t)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &fakeSource{brokenUntil: time.Now().Add(5*time.Hour + 30*time.Minute)}
		u := b.update(p)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour+time.Minute)
		defer cancel()
		began := time.Now()
		assets.Poll(ctx, u, time.Hour, slog.New(slog.NewTextHandler(&log, nil)))
		if n := len(p.queriedAt); n < 9 || n > 12 || !p.queriedAt[0].Equal(began) {
			t.Errorf("queried at %v", p.queriedAt)
		}
		even := 0
		for i, at := range p.queriedAt[1:] {
			if d := at.Sub(p.queriedAt[i]); d < 54*time.Minute || d > 66*time.Minute {
				t.Errorf("queried again after %v", d)
			} else if d == time.Hour {
				even++
			}
		}
		if even > 2 {
			t.Errorf("queried after exactly an hour %d times", even)
		}
		if n := strings.Count(log.String(), "out of order"); n != 1 {
			t.Errorf("logged %d times: %s", n, &log)
		}
		if !strings.Contains(log.String(), "answers again") {
			t.Errorf("did not log that the failure has ended: %s", &log)
		}
	})
	p := &fakeSource{}
	assets.Poll(t.Context(), b.update(p), 0, slog.New(slog.DiscardHandler))
	if len(p.queriedAt) != 1 {
		t.Errorf("queried %d times", len(p.queriedAt))
	}
}
