package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"meet/internal/store"
)

// childDir is the name of an environment variable for TestKilledWriterLosesNoAcknowledgedRecord. If it is set to a
// folder, the test binary runs as the writer that the test kills, and the writer opens its store in this folder.
const childDir = "STORE_TEST_WRITE_TO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, writeForever(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// record is the type of the test's records.
type record struct {
	N    int
	Text string
}

// open opens a store until the test ends.
func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// bucket opens a bucket of test records.
func bucket(t *testing.T, s *store.Store) *store.Bucket[record] {
	t.Helper()
	b, err := store.OpenBucket[record](t.Context(), s, "records")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecordsSurviveRestart(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := open(t, dir)
	b := bucket(t, s)
	if _, err := b.Get(ctx, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Get of nothing: %v", err)
	}
	if all, err := b.List(ctx); err != nil || len(all) != 0 {
		t.Fatalf("List of nothing = %v, %v", all, err)
	}
	for i, key := range []string{"a", "b", "a", "c"} {
		if err := b.Put(ctx, key, record{i, strings.Repeat("x", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time there is nothing to delete
		if err := b.Delete(ctx, "b"); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()

	b = bucket(t, open(t, dir))
	if err := b.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	got, err := b.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := []store.Entry[record]{{Key: "a", Value: record{2, "xx"}}, {Key: "c", Value: record{3, "xxx"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	if v, err := b.Get(ctx, "c"); err != nil || v.N != 3 {
		t.Errorf("Get = %+v, %v", v, err)
	}
	if _, err := b.Get(ctx, "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted record: %v", err)
	}
}

func TestRecordOfTwoMegabytesIsStored(t *testing.T) {
	b := bucket(t, open(t, t.TempDir()))
	want := record{1, strings.Repeat("ä", 1<<20)}
	if err := b.Put(t.Context(), "k", want); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Get(t.Context(), "k"); err != nil || got != want {
		t.Errorf("read %d bytes of 2 MB, %v", len(got.Text), err)
	}
}

func TestOpenFailsAndNamesTheFileIfFolderIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Dir: path})
	if err == nil {
		s.Close()
		t.Fatal("a file served as the folder")
	}
	if !strings.Contains(err.Error(), path) {
		t.Errorf("error %q does not name %s", err, path)
	}
}

// A process that is killed while it writes loses no record whose write was acknowledged.
func TestKilledWriterLosesNoAcknowledgedRecord(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if acknowledged++; acknowledged == 50 {
			if err := cmd.Process.Kill(); err != nil { // SIGKILL: nothing is flushed, nothing is closed
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // killed, as asked
	if acknowledged < 50 {
		t.Fatalf("the writer ended after %d records", acknowledged)
	}
	got, err := bucket(t, open(t, dir)).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) < acknowledged {
		t.Errorf("%d records were acknowledged, %d are there", acknowledged, len(got))
	}
}

// writeForever writes records and prints the number of each one after its write was acknowledged.
func writeForever(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := store.Open(ctx, store.Options{Dir: dir})
	if err != nil {
		return err
	}
	b, err := store.OpenBucket[record](ctx, s, "records")
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if err := b.Put(ctx, fmt.Sprint("k", i), record{N: i}); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

func BenchmarkPut(b *testing.B) {
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	bucket, err := store.OpenBucket[record](b.Context(), s, "records")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := bucket.Put(b.Context(), "k", record{}); err != nil {
			b.Fatal(err)
		}
	}
}
