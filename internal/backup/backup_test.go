package backup_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"meet/internal/backup"
	"meet/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const version = "1.2.3"

var noLog = slog.New(slog.DiscardHandler)

// write writes files into the folder dir, by their paths.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// openBucket opens the store of a data folder and a bucket in it.
func openBucket(t testing.TB, dir string) (*store.Store, *store.Bucket[string]) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	b, err := store.OpenBucket[string](t.Context(), s, "rooms")
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

// kept are the files of makeFolder that a backup contains.
var kept = map[string]string{
	"keys.yaml":                                      "key: a secret\n",
	"certs/authority.pem":                            "a certificate",
	"certs/acme/example.org/site.key":                "a private key",
	"frontend/current":                               `{"current":"0123456789abcdef"}`,
	"frontend/builds/0123456789abcdef/assets/app.js": strings.Repeat("call()\n", 1000),
}

// makeBackup returns a backup of a data folder with the files in kept, other files, and one record.
func makeBackup(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, kept)
	write(t, dir, map[string]string{
		"lock": "", "notes.txt": "a file of another program", ".keys-123": "unfinished", "certs/site.lock": "", "certs/.site-123": "unfinished",
		"frontend/incoming/fedcba9876543210/app.js": "half a file", ".backup-streams-1/KV_rooms": "left by a killed process",
		"before-restore-1/keys.yaml": "older",
	})
	s, bucket := openBucket(t, dir)
	defer s.Close()
	if err := bucket.Put(t.Context(), "blue", "Ada"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	m, err := backup.Create(t.Context(), &out, dir, s, version)
	if err != nil {
		t.Fatal(err)
	}
	if m.Files() != len(kept) || m.Streams() != 1 || m.Version != version {
		t.Errorf("%d files, %d streams, version %s; want %d, 1, %s", m.Files(), m.Streams(), m.Version, len(kept), version)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".backup-*")); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
	return out.Bytes()
}

// open opens a backup.
func open(text []byte) (*backup.Archive, error) {
	return backup.Open(bytes.NewReader(text), int64(len(text)))
}

// restore restores a backup into the folder dir.
func restore(t *testing.T, text []byte, dir string) (previous string, err error) {
	t.Helper()
	a, err := open(text)
	if err != nil {
		return "", err
	}
	return backup.Restore(t.Context(), a, dir, noLog)
}

// names returns the paths of all files in a folder except those of the store.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err == nil && !e.IsDir() && !strings.HasPrefix(name, "jetstream") {
			list = append(list, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func TestRestoredFolderHasTheFilesAndRecordsOfTheBackup(t *testing.T) {
	dir := t.TempDir()
	previous, err := restore(t, makeBackup(t), dir)
	if err != nil || previous != "" {
		t.Fatalf("previous data in %q, %v; want none", previous, err)
	}
	want := []string{}
	for name, text := range kept {
		want = append(want, name)
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	s, bucket := openBucket(t, dir)
	defer s.Close()
	if got, err := bucket.Get(t.Context(), "blue"); err != nil || got != "Ada" {
		t.Errorf("record %q, %v", got, err)
	}
}

func TestRestoreKeepsThePreviousDataInASubfolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"keys.yaml": "old: secret\n", "frontend/current": "old", "notes.txt": "of another program"})
	if err := backup.CheckEmpty(dir); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("%v, want ErrNotEmpty", err)
	}
	previous, err := restore(t, makeBackup(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		previous + "/keys.yaml": "old: secret\n", previous + "/frontend/current": "old", "notes.txt": "of another program", "keys.yaml": kept["keys.yaml"],
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestDamagedBackupIsRefusedAndChangesNothing(t *testing.T) {
	good := makeBackup(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{"keys.yaml": "old: secret\n"})
	refused := func(name string, text []byte) {
		t.Helper()
		if _, err := restore(t, text, dir); !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
	refused("empty", nil)
	refused("another file", []byte("not an archive"))
	for _, n := range []int{1, len(good) / 4, len(good) / 2, len(good) - 30, len(good) - 1} {
		refused("truncated", good[:n])
	}
	a, err := open(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range a.Manifest.Entries {
		refused(e.Name+" altered", rewrite(t, good, func(name string, text []byte) (string, []byte) {
			if name == e.Name {
				text[len(text)/2] ^= 1
			}
			return name, text
		}))
		refused(e.Name+" renamed", rewrite(t, good, func(name string, text []byte) (string, []byte) {
			return strings.Replace(name, e.Name, e.Name+"x", 1), text
		}))
		refused(e.Name+" longer", rewrite(t, good, func(name string, text []byte) (string, []byte) {
			if name == e.Name {
				text = append(text, 0)
			}
			return name, text
		}))
	}
	if got := names(t, dir); !slices.Equal(got, []string{"keys.yaml"}) {
		t.Errorf("the data folder has %v", got)
	}
}

// rewrite returns a copy of a backup whose entries were changed by f.
func rewrite(t testing.TB, text []byte, f func(name string, text []byte) (string, []byte)) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, file := range in.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name, content := f(file.Name, content)
		entry, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: file.Method})
		if err == nil {
			_, err = entry.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withManifest returns a copy of a backup whose manifest was changed by f.
func withManifest(t testing.TB, text []byte, f func(*backup.Manifest)) []byte {
	return rewrite(t, text, func(name string, content []byte) (string, []byte) {
		if name != "manifest.json" {
			return name, content
		}
		var m backup.Manifest
		if err := json.Unmarshal(content, &m); err != nil {
			t.Fatal(err)
		}
		f(&m)
		content, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return name, content
	})
}

func TestBackupInNewerFormatIsRefusedWithItsVersion(t *testing.T) {
	_, err := open(withManifest(t, makeBackup(t), func(m *backup.Manifest) { m.Format, m.Version = backup.Format+1, "9.9.9" }))
	if newer, ok := errors.AsType[*backup.NewerError](err); !ok || !strings.Contains(newer.Error(), "9.9.9") {
		t.Errorf("%v, want a NewerError with the version", err)
	}
	if _, err := open(withManifest(t, makeBackup(t), func(m *backup.Manifest) { m.Format = 0 })); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("without a format: %v, want ErrDamaged", err)
	}
}

// An archive must not write outside the data folder, into folders of other programs, or more than it may.
func TestBackupWithUnexpectedEntriesIsRefused(t *testing.T) {
	good := makeBackup(t)
	for _, name := range []string{
		"files/../../etc/passwd", "files/certs/../../x", "/files/keys.yaml", "files//keys.yaml", `files/certs/..\..\x`, "files/certs/c:x",
		"files/notes.txt", "files/keys.yamlx", "files/lock", "files/jetstream/x", "files/certs/a\nb", "streams/a/b", "streams/../x", "other", "",
	} {
		text := withManifest(t, good, func(m *backup.Manifest) { m.Entries[0].Name = name })
		text = rewrite(t, text, func(old string, content []byte) (string, []byte) {
			if old == "files/keys.yaml" {
				return name, content
			}
			return old, content
		})
		if _, err := open(text); !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("%q: %v, want ErrDamaged", name, err)
		}
	}
	for name, change := range map[string]func(*backup.Manifest){
		"twice":              func(m *backup.Manifest) { m.Entries = append(m.Entries, m.Entries[0]) },
		"twice but for case": func(m *backup.Manifest) { m.Entries[1].Name = strings.Replace(m.Entries[2].Name, "a", "A", 1) },
		"missing":            func(m *backup.Manifest) { m.Entries = m.Entries[1:] },
		"negative size":      func(m *backup.Manifest) { m.Entries[0].Size = -1 },
		"huge file":          func(m *backup.Manifest) { m.Entries[0].Size = 1 << 40 },
		"huge files":         func(m *backup.Manifest) { m.Entries[0].Size, m.Entries[1].Size = 1<<32+1<<31, 1<<32+1<<31 },
	} {
		if _, err := open(withManifest(t, good, change)); !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

func TestInterruptedRestoreIsReportedUntilTheNextOne(t *testing.T) {
	dir := t.TempDir()
	if err := backup.CheckComplete(dir); err != nil {
		t.Error(err)
	}
	write(t, dir, map[string]string{".restoring/keys.yaml": "new", ".backup-restore-1/keys.yaml": "of a killed process"})
	if err := backup.CheckComplete(dir); !errors.Is(err, backup.ErrInterrupted) {
		t.Errorf("%v, want ErrInterrupted", err)
	}
	if _, err := restore(t, makeBackup(t), dir); err != nil {
		t.Fatal(err)
	}
	if err := backup.CheckComplete(dir); err != nil {
		t.Error(err)
	}
	if got := names(t, dir); len(got) != len(kept) {
		t.Errorf("files %v", got)
	}
}

func TestOnlyTemporaryFoldersOfBackupsAreDeleted(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".backup-streams-1", ".backup-restore-2", ".backup-monday-3.partial", "keys.yaml"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := backup.RemoveTemporary(dir); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if want := []string{filepath.Join(dir, ".backup-monday-3.partial"), filepath.Join(dir, "keys.yaml")}; err != nil || !slices.Equal(left, want) {
		t.Errorf("the folder has %q (%v), want %q", left, err, want)
	}
}

func TestCancelledRestoreChangesNothing(t *testing.T) {
	a, err := open(makeBackup(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := backup.Restore(ctx, a, dir, noLog); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("the data folder has %v", got)
	}
}

// A file that Restore would refuse must not make the whole backup unusable.
func TestFileThatCannotBeRestoredFailsTheBackup(t *testing.T) {
	dir := t.TempDir()
	s, _ := openBucket(t, dir)
	defer s.Close()
	write(t, dir, map[string]string{"certs/a:b.pem": "a certificate"})
	if _, err := backup.Create(t.Context(), io.Discard, dir, s, version); err == nil || !strings.Contains(err.Error(), "a:b.pem") {
		t.Errorf("%v, want an error with the name of the file", err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(makeBackup(f))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := open(text)
		if err != nil {
			return
		}
		_ = a.Verify(t.Context()) // it must not panic or use much memory
		for _, e := range a.Manifest.Entries {
			if strings.Contains(e.Name, "..") && !filepath.IsLocal(e.Name) {
				t.Errorf("name %q", e.Name)
			}
		}
	})
}
