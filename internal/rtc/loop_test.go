package rtc

import "testing"

// What run has taken in one go but not begun is waited for too: those who throttle themselves by it would not see it.
func TestLoopCountsWhatItHasTaken(t *testing.T) {
	l := newLoop()
	gate, begun := make(chan struct{}), make(chan struct{})
	l.post(func() { close(begun); <-gate })
	for range 5 {
		l.post(func() {})
	}
	ended := make(chan struct{})
	go func() { l.run(); close(ended) }() // ends with stop
	<-begun
	if n := l.waiting(); n != 5 {
		t.Errorf("%d are waiting, want 5", n)
	}
	close(gate)
	l.stop()
	<-ended
	if n := l.waiting(); n != 0 {
		t.Errorf("%d are waiting at the end", n)
	}
}
