package loop

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs l in a goroutine until the test ends.
func start(t *testing.T, l *Loop) {
	t.Helper()
	go l.Run() // ends with Stop
	t.Cleanup(func() {
		l.Stop()
		<-l.Done()
	})
}

// Callers of Len use it to limit how much they post. So it has to include closures that Run has removed from the queue but
// not started.
func TestLenIncludesClosuresTakenFromTheQueueButNotStarted(t *testing.T) {
	l := New(Options{})
	gate, started := make(chan struct{}), make(chan struct{})
	l.Post(func() { close(started); <-gate })
	for range 5 {
		l.Post(func() {})
	}
	go l.Run() // ends with Stop
	<-started
	if n := l.Len(); n != 5 {
		t.Errorf("Len returned %d, want 5", n)
	}
	close(gate)
	l.Stop()
	<-l.Done()
	if n := l.Len(); n != 0 {
		t.Errorf("Len returned %d after the end", n)
	}
}

func TestStopRunsQueuedClosuresAndRefusesMore(t *testing.T) {
	errClosed := errors.New("closed")
	l := New(Options{StoppedErr: errClosed})
	ran := 0
	for range 3 {
		l.Post(func() { ran++ })
	}
	l.Stop()
	l.Stop()
	l.Run()
	if ran != 3 {
		t.Errorf("%d closures ran, want 3", ran)
	}
	if l.Post(func() {}) {
		t.Error("Post accepted a closure after Stop")
	}
	if err := l.Do(t.Context(), func() {}); !errors.Is(err, errClosed) {
		t.Errorf("Do returned %v", err)
	}
	if err := New(Options{}).options.StoppedErr; !errors.Is(err, ErrStopped) {
		t.Errorf("by default Do returns %v", err)
	}
}

func TestDoReturnsWhenItsContextIsCanceled(t *testing.T) {
	l := New(Options{})
	start(t, l)
	gate := make(chan struct{})
	l.Post(func() { <-gate })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Do(ctx, func() {}); !errors.Is(err, context.Canceled) {
		t.Errorf("Do returned %v", err)
	}
	close(gate)
	if err := l.Do(t.Context(), func() {}); err != nil {
		t.Errorf("Do returned %v", err)
	}
}

func TestLoopWithOnPanicContinuesAfterAPanic(t *testing.T) {
	var panics []any
	l := New(Options{OnPanic: func(v any) { panics = append(panics, v) }})
	l.Post(func() { panic("a mistake") })
	ran := false
	l.Post(func() { ran = true })
	l.Stop()
	l.Run()
	if !ran || !slices.Equal(panics, []any{"a mistake"}) {
		t.Errorf("panics %v, the next closure ran: %v", panics, ran)
	}
}

func TestAfterBatchHookRunsOnceForEachBatchOfClosures(t *testing.T) {
	var order []string
	note := func(s string) func() { return func() { order = append(order, s) } }
	l := New(Options{AfterBatch: note("after")})
	l.Post(note("a"))
	l.Post(func() {
		note("b")()
		l.Post(func() { note("c")(); l.Stop() })
	})
	l.Run()
	if !slices.Equal(order, []string{"a", "b", "after", "c", "after"}) {
		t.Errorf("ran %v", order)
	}
}
