package loop

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs l until the test ends.
func start(t *testing.T, l *Loop) {
	t.Helper()
	go l.Run() // ends with Stop
	t.Cleanup(func() {
		l.Stop()
		<-l.Done()
	})
}

// Callers that throttle themselves by Waiting must also see what Run has taken in one go and not begun.
func TestWaitingCountsClosuresTakenButNotBegun(t *testing.T) {
	l := New(Options{})
	gate, begun := make(chan struct{}), make(chan struct{})
	l.Post(func() { close(begun); <-gate })
	for range 5 {
		l.Post(func() {})
	}
	go l.Run() // ends with Stop
	<-begun
	if n := l.Len(); n != 5 {
		t.Errorf("%d are waiting, want 5", n)
	}
	close(gate)
	l.Stop()
	<-l.Done()
	if n := l.Len(); n != 0 {
		t.Errorf("%d are waiting at the end", n)
	}
}

func TestStoppedLoopRunsWhatIsQueuedAndRefusesMore(t *testing.T) {
	errOver := errors.New("over")
	l := New(Options{StoppedErr: errOver})
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
		t.Error("a closure was queued after the end")
	}
	if err := l.Do(t.Context(), func() {}); !errors.Is(err, errOver) {
		t.Errorf("Do returned %v", err)
	}
	if err := New(Options{}).options.StoppedErr; !errors.Is(err, ErrStopped) {
		t.Errorf("by default Do returns %v", err)
	}
}

func TestDoReturnsWhenItsContextEnds(t *testing.T) {
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

func TestPanicDoesNotEndALoopThatRecovers(t *testing.T) {
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

func TestAfterRunsOnceForEachBatch(t *testing.T) {
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
