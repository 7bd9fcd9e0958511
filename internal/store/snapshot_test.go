package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meet/internal/store"
)

// copies are the snapshots of streams, by the name of the stream.
type copies map[string]*bytes.Buffer

// snapshot copies all streams of a store.
func snapshot(t testing.TB, s *store.Store) copies {
	t.Helper()
	made := copies{}
	err := s.Snapshot(t.Context(), func(name string) (io.WriteCloser, error) {
		made[name] = &bytes.Buffer{}
		return nopCloser{made[name]}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// restore opens a new store with the streams of a snapshot.
func restore(t *testing.T, made copies) *store.Store {
	t.Helper()
	s := open(t, t.TempDir())
	for name, copied := range made {
		if err := s.Restore(copied); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return s
}

// counters is a writer that replaces its records again and again, and remembers which writes were acknowledged.
type counters struct {
	bucket       *store.Bucket[record]
	acknowledged [4]atomic.Int64
}

// write writes increasing numbers until ctx ends.
func (c *counters) write(ctx context.Context, t *testing.T) {
	for n := 1; ; n++ {
		for key := range c.acknowledged {
			if err := c.bucket.Put(ctx, fmt.Sprint("k", key), record{N: n}); err != nil {
				if ctx.Err() == nil {
					t.Error(err)
				}
				return
			}
			c.acknowledged[key].Store(int64(n))
		}
	}
}

// The records are replaced during the snapshot, and each copy must contain each record.
func TestSnapshotUnderLoadContainsEveryAcknowledgedWrite(t *testing.T) {
	s := open(t, t.TempDir())
	c := &counters{bucket: bucket(t, s)}
	filler := record{Text: strings.Repeat("x", 1<<20)} // makes each snapshot take longer than many writes
	for i := range 20 {
		if err := c.bucket.Put(t.Context(), fmt.Sprint("filler", i), filler); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	writer.Go(func() { c.write(ctx, t) })
	defer writer.Wait()
	defer cancel()
	for range 5 {
		before := c.acknowledged[3].Load()
		for deadline := time.Now().Add(time.Minute); c.acknowledged[3].Load() <= before; {
			if time.Now().After(deadline) {
				t.Fatal("the writer does not write")
			}
			time.Sleep(time.Millisecond)
		}
		var least [4]int64
		for key := range least {
			least[key] = c.acknowledged[key].Load()
		}
		restored := bucket(t, restore(t, snapshot(t, s)))
		for key, want := range least {
			got, err := restored.Get(t.Context(), fmt.Sprint("k", key))
			if err != nil || int64(got.N) < want {
				t.Errorf("record %d: %d, %v; want at least %d, which was acknowledged before the snapshot", key, got.N, err, want)
			}
		}
		if all, err := restored.List(t.Context()); err != nil || len(all) != 24 {
			t.Errorf("%d records, %v; want 24", len(all), err)
		}
	}
}

func TestRestoredQueueReaderContinuesWhereItStopped(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s := open(t, t.TempDir())
	queue := func(s *store.Store) *store.Queue {
		q, err := store.OpenQueue(ctx, s, "q", store.QueueOptions{MaxAge: time.Hour, MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	stop := errors.New("stop")
	// read reads until a message, which it does not finish.
	read := func(q *store.Queue, until string) (got string) {
		r, err := q.Reader(ctx, "ada", "lane")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Read(ctx, func(_ context.Context, d store.Delivery) error {
			if got += d.ID; d.ID == until {
				return stop
			}
			return nil
		}); !errors.Is(err, stop) {
			t.Fatal(err)
		}
		return got
	}
	q := queue(s)
	if _, err := q.Reader(ctx, "ada", "lane"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "c"} {
		if err := q.Put(ctx, "lane", id, []byte(id)); err != nil {
			t.Fatal(err)
		}
	}
	read(q, "b")
	if got := read(queue(restore(t, snapshot(t, s))), "c"); got != "bc" {
		t.Errorf("after the restore it reads %q, want bc: a was finished", got)
	}
}

func TestDamagedSnapshotIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	if err := bucket(t, s).Put(t.Context(), "k", record{N: 1}); err != nil {
		t.Fatal(err)
	}
	good := snapshot(t, s)["KV_records"].Bytes()
	header := bytes.IndexByte(good, '\n') + 1
	for name, bad := range map[string][]byte{
		"empty":           {},
		"no header":       good[header:],
		"header only":     good[:header],
		"truncated":       good[:len(good)-1],
		"another's store": []byte("{\"config\":{}}\n"),
		"long header":     bytes.Repeat([]byte("x"), 2<<20),
	} {
		if err := open(t, t.TempDir()).Restore(bytes.NewReader(bad)); err == nil {
			t.Errorf("%s: it is restored", name)
		}
	}
	if err := s.Restore(bytes.NewReader(good)); err == nil {
		t.Error("a stream replaces a stream of the store")
	}
}

func BenchmarkSnapshot(b *testing.B) {
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	bucket, err := store.OpenBucket[record](b.Context(), s, "records")
	if err != nil {
		b.Fatal(err)
	}
	const records, size = 2000, 1000
	for i := range records {
		if err := bucket.Put(b.Context(), fmt.Sprint(i), record{Text: strings.Repeat("x", size)}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(records * size)
	for b.Loop() {
		snapshot(b, s)
	}
}
