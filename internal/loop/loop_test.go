package loop

import "testing"

// What Run has taken in one go but not begun is waited for too: callers that throttle themselves by it would not see it.
func TestWaitingCountsClosuresTakenButNotBegun(t *testing.T) {
	l := New(Options{})
	gate, begun := make(chan struct{}), make(chan struct{})
	l.Post(func() { close(begun); <-gate })
	for range 5 {
		l.Post(func() {})
	}
	ended := make(chan struct{})
	go func() { l.Run(); close(ended) }() // ends with Stop
	<-begun
	if n := l.Waiting(); n != 5 {
		t.Errorf("%d are waiting, want 5", n)
	}
	close(gate)
	l.Stop()
	<-ended
	if n := l.Waiting(); n != 0 {
		t.Errorf("%d are waiting at the end", n)
	}
}
