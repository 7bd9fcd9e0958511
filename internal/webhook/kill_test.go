package webhook_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meet/internal/store"
	"meet/internal/webhook"
)

// childDir and childURL are environment variables. If they are set, the test binary runs as the server that
// TestKilledServerLosesNoStoredEvent kills.
const childDir, childURL = "WEBHOOK_TEST_DIR", "WEBHOOK_TEST_URL"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, notifyForever(dir, os.Getenv(childURL)))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// notifyForever calls Notify with one event after another. It prints the number of each event when the event is stored.
func notifyForever(dir, url string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Dir: dir})
	if err != nil {
		return err
	}
	n, err := webhook.New(ctx, s, []webhook.Endpoint{{URL: url, Key: "key", Secret: "secret"}}, webhook.Options{
		Log: slog.New(slog.DiscardHandler), Backoff: func(int) time.Duration { return 10 * time.Millisecond },
	})
	if err != nil {
		return err
	}
	from, err := strconv.Atoi(os.Getenv("WEBHOOK_TEST_FROM"))
	if err != nil {
		return err
	}
	queue, err := store.OpenQueue(ctx, s, "webhooks", store.QueueOptions{MaxAge: 48 * time.Hour, MaxBytes: 1 << 30})
	if err != nil {
		return err
	}
	stored, err := queue.Len(ctx)
	if err != nil {
		return err
	}
	for i := from; ; i++ {
		n.Notify("room", event("room", i))
		for stored++; ; time.Sleep(time.Millisecond) {
			if got, err := queue.Len(ctx); err != nil || got >= stored {
				break
			}
		}
		fmt.Println(i)
	}
}

// Events must arrive in order. An event may arrive twice with the same ID.
func TestKilledServerLosesNoStoredEvent(t *testing.T) {
	r, dir := newReceiver(t), t.TempDir()
	next := 0
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+r.URL, fmt.Sprint("WEBHOOK_TEST_FROM=", next))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for count := 0; lines.Scan(); count++ { // until the output ends, because the process continues until the kill takes effect
			if next, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			next++
			if count == 40 {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait() // returns an error because the process was killed
	}
	n := start(t, open(t, dir), webhook.Options{}, webhook.Endpoint{URL: r.URL, Key: "key", Secret: "secret"})
	n.Notify("room", event("room", -1)) // the last event: when it arrives, all others have arrived
	eventually(t, "the last event arrives", func() bool { return slices.Contains(r.received("room"), "-1") })

	seen := map[string]string{} // number by id
	before := -1
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.accepted {
		number := e.Room.Metadata
		if old, again := seen[e.Id]; again && old != number {
			t.Errorf("ID %s belongs to events %s and %s", e.Id, old, number)
		} else if !again {
			i, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			if i != -1 && i < before {
				t.Errorf("event %d arrived after %d", i, before)
			}
			before = i
		}
		seen[e.Id] = number
	}
	got := map[string]bool{}
	for _, number := range seen {
		got[number] = true
	}
	for i := range next {
		if !got[strconv.Itoa(i)] {
			t.Errorf("event %d is lost", i)
		}
	}
	if next < 100 {
		t.Errorf("only %d events were made", next)
	}
}
