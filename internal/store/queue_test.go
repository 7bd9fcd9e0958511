package store_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"meet/internal/store"
)

// A reader that is opened again receives its unfinished message immediately. A new reader receives only later messages.
func TestReopenedQueueReaderReceivesItsUnfinishedMessageAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // shorter than ackWait
	defer cancel()
	q, err := store.OpenQueue(ctx, open(t, t.TempDir()), "q", store.QueueOptions{MaxAge: time.Hour, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	put := func(ids ...string) {
		t.Helper()
		for _, id := range ids {
			if err := q.Put(ctx, "lane", id, []byte(id)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// read opens the reader and reads up to the given message, which it does not finish.
	cut := errors.New("killed")
	read := func(until string) (got string) {
		t.Helper()
		r, err := q.Reader(ctx, "ada", "lane")
		if err != nil {
			t.Fatal(err)
		}
		err = r.Read(ctx, func(_ context.Context, d store.Delivery) error {
			got += d.ID
			if d.ID == until {
				return cut
			}
			return nil
		})
		if !errors.Is(err, cut) {
			t.Fatalf("read %q, then %v", got, err)
		}
		return got
	}
	put("x")
	if _, err := q.Reader(ctx, "ada", "lane"); err != nil {
		t.Fatal(err)
	}
	put("a", "b", "c")
	for _, tt := range []struct{ until, want string }{{"b", "ab"}, {"b", "b"}, {"c", "bc"}, {"c", "c"}} {
		if got := read(tt.until); got != tt.want {
			t.Errorf("read %q until %s, want %q", got, tt.until, tt.want)
		}
	}
	if err := q.DeleteOtherReaders(ctx, []string{"ada"}, []string{"lane"}); err != nil {
		t.Fatal(err)
	}
	if n, err := q.Pending(ctx); n != 1 || err != nil {
		t.Errorf("%d pending, %v, want the unfinished message", n, err)
	}
	if err := q.DeleteOtherReaders(ctx, []string{"bo"}, []string{"lane"}); err != nil {
		t.Fatal(err)
	}
	if n, err := q.Pending(ctx); n != 0 || err != nil {
		t.Errorf("%d pending without readers, %v", n, err)
	}
}

// A reader that fails to request its next message would pause for 30 s, which is longer than this test waits.
func TestReadersReceiveThousandsOfMessagesWithoutAPause(t *testing.T) {
	const lanes, messages = 8, 1000
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	q, err := store.OpenQueue(ctx, open(t, t.TempDir()), "q", store.QueueOptions{MaxAge: time.Hour, MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for lane := range lanes {
		name := strconv.Itoa(lane)
		r, err := q.Reader(ctx, "ada", name)
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() {
			for i := range messages {
				if err := q.Put(ctx, name, name+"-"+strconv.Itoa(i), nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
		work.Go(func() {
			reading, stop := context.WithCancel(ctx)
			defer stop()
			received := 0
			err := r.Read(reading, func(context.Context, store.Delivery) error {
				if received++; received == messages {
					stop()
				}
				return nil
			})
			if err != nil || received != messages {
				t.Errorf("lane %s: received %d of %d messages, then %v", name, received, messages, err)
			}
		})
	}
	work.Wait()
}
