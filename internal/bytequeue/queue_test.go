package bytequeue_test

import (
	"sync"
	"testing"

	"meet/internal/bytequeue"
)

func TestPut(t *testing.T) {
	total := bytequeue.NewTotal(20)
	q, other := bytequeue.New[string](3, 10, total), bytequeue.New[string](3, 10, total)
	for _, step := range []struct {
		q    *bytequeue.Queue[string]
		text string
		size int
		want bool
	}{
		{q, "first, of any size", 15, true},
		{q, "behind it", 1, false},
		{other, "fits", 4, true},
		{other, "over the total", 2, false},
		{other, "the total exactly", 1, true},
		{other, "the total is used up", 1, false},
		{other, "no bytes", 0, true},
		{other, "over the count", 0, false},
	} {
		if got := step.q.Put(step.text, step.size); got != step.want {
			t.Errorf("%s: %v", step.text, got)
		}
	}
	i := <-q.Items()
	q.Done(i)
	if i.Value != "first, of any size" || q.Len() != 0 {
		t.Errorf("received %q", i.Value)
	}
	other.Drop()
	if !other.Put("all is free again", 20) {
		t.Error("room was lost")
	}
}

// Whatever readers and writers do at once, in the end all room is free again.
func TestRoomIsNotLost(t *testing.T) {
	total := bytequeue.NewTotal(1000)
	q := bytequeue.New[int](8, 1000, total)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { // ends after so many
			for i := range 10_000 {
				q.Put(i, i%300)
				select {
				case item := <-q.Items():
					q.Done(item)
				default:
				}
			}
		})
	}
	all.Wait()
	q.Drop()
	if !bytequeue.New[int](1, 1, total).Put(0, 1000) {
		t.Error("room was lost")
	}
}
