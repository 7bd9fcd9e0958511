package assets_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"meet/internal/assets"
)

// runKilledUpdate runs in a child process. It updates the store in dir and kills the process at the step whose number
// is in the environment.
func runKilledUpdate(dir string) {
	steps, _ := strconv.Atoi(os.Getenv("ASSETS_TEST_STEPS"))
	source, err := assets.NewHTTPSource(os.Getenv("ASSETS_TEST_SOURCE"), assets.NewClient())
	var embedded *assets.Build
	if err == nil {
		embedded, err = assets.Open(os.DirFS(os.Getenv("ASSETS_TEST_EMBEDDED")), version, nil)
	}
	var mu sync.Mutex // several downloads reach steps concurrently
	reached := func(step string) {
		mu.Lock()
		defer mu.Unlock()
		if steps--; steps == 0 {
			fmt.Println(step)
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Kill() // SIGKILL, where there are signals
			}
			select {}
		}
	}
	if err == nil {
		store := assets.NewStore(dir, nil).WithSteps(reached)
		_, err = (&assets.Updater{Source: source, Store: store, Embedded: embedded, Version: version}).Run(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(3) // Windows reports 1 for killed processes
	}
	os.Exit(0)
}

// The server must be able to use the old or the new build completely, and the next update must succeed.
func TestUpdateKilledAtAnyStepLeavesUsableBuild(t *testing.T) {
	one, two := newBuild(t, "one", time.Time{}), newBuild(t, "two", time.Time{})
	embedded := writeBuild(t, newBuild(t, "embedded", time.Time{}))
	s := newFakeGitHub(t)
	s.publish(one, true)
	source, err := assets.NewHTTPSource(s.URL+"/pages/", assets.NewClient())
	if err != nil {
		t.Fatal(err)
	}
	died := map[string]int{}
	for n := 1; ; n++ {
		b := newFixture(t)
		s.publish(one, true)
		runUpdate(t, b.update(source))
		if err := b.store.Retire("0000000000000000", assets.Retention+time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(b.dir+"/builds/0000000000000000", 0o700); err != nil { // so that there is something to prune
			t.Fatal(err)
		}
		s.publish(two, true)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "ASSETS_TEST_DIE_IN="+b.dir, "ASSETS_TEST_SOURCE="+s.URL+"/pages/", "ASSETS_TEST_EMBEDDED="+embedded, "ASSETS_TEST_STEPS="+strconv.Itoa(n))
		out, err := cmd.Output()
		step := strings.TrimSpace(string(out))
		if err == nil {
			if b.inUse() != buildID(two) {
				t.Errorf("not killed, and in use is %q, want %q", b.inUse(), buildID(two))
			}
			break
		}
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.ExitCode() > 1 {
			t.Fatalf("step %d: %v: %s", n, err, out)
		}
		died[step]++
		want := buildID(one)
		if step == "swapped" || step == "pruning" {
			want = buildID(two)
		}
		if got := b.inUse(); got != want {
			t.Errorf("killed at %q, in use is %q, want %q", step, got, want)
		}
		if runUpdate(t, b.update(source)); b.inUse() != buildID(two) {
			t.Errorf("killed at %q; after the next update in use is %q, want %q", step, b.inUse(), buildID(two))
		}
	}
	t.Logf("killed at %v", died)
	for _, step := range []string{"locked", "planned", "bytes written", "file fetched", "file kept", "assembled", "whole", "place cleared", "build placed", "record written", "swapped", "pruning"} {
		if died[step] == 0 {
			t.Errorf("was never killed at %q: %v", step, died)
		}
	}
}
