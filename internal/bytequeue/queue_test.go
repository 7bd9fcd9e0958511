package bytequeue_test

import (
	"sync"
	"testing"

	"meet/internal/bytequeue"
)

func TestPutRefusesItemsBeyondCountOrByteLimit(t *testing.T) {
	total := &bytequeue.Total{}
	q, other := bytequeue.New[string](3, 10, total), bytequeue.New[string](3, 10, total)
	for _, step := range []struct {
		q    *bytequeue.Queue[string]
		text string
		size int
		want bool
	}{
		{q, "first item, larger than the limit", 15, true},
		{q, "second item while over the limit", 1, false},
		{other, "fits", 4, true},
		{other, "up to the limit", 6, true},
		{other, "over the limit", 1, false},
		{other, "no bytes", 0, true},
		{other, "over the count", 0, false},
	} {
		if got := step.q.Put(step.text, step.size); got != step.want {
			t.Errorf("%s: %v", step.text, got)
		}
	}
	if q.Bytes() != 15 || other.Bytes() != 10 || total.Bytes() != 25 {
		t.Errorf("%d and %d bytes queued, %d in total", q.Bytes(), other.Bytes(), total.Bytes())
	}
	i := <-q.Items()
	q.Done(i)
	if i.Value != "first item, larger than the limit" || q.Len() != 0 {
		t.Errorf("received %q", i.Value)
	}
	other.Drop()
	if total.Bytes() != 0 {
		t.Errorf("%d bytes are counted after all items are gone", total.Bytes())
	}
}

func TestByteCountIsZeroAfterConcurrentPutAndDone(t *testing.T) {
	total := &bytequeue.Total{}
	q := bytequeue.New[int](8, 1000, total)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { // ends after 10,000 rounds
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
	if q.Bytes() != 0 || total.Bytes() != 0 {
		t.Errorf("%d bytes are counted after all items are gone, %d in total", q.Bytes(), total.Bytes())
	}
}
