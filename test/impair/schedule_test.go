package impair

import (
	"math/rand/v2"
	"testing"
	"time"
)

// newSchedule returns a schedule with the profile p that uses the same random numbers each time.
func newSchedule(p Profile) *schedule {
	return &schedule{profile: p, random: rand.New(rand.NewPCG(1, 2))}
}

// start is an arbitrary time; only differences from it matter.
var start = time.Unix(1_000_000, 0)

func TestLossDropsTheConfiguredFraction(t *testing.T) {
	const n = 100_000
	for _, share := range []float64{0, 0.02, 0.1, 1} {
		s, lost := newSchedule(Profile{Loss: share}), 0
		for i := range n {
			if _, ok := s.admit(start.Add(time.Duration(i)*time.Millisecond), 1200); !ok {
				lost++
			}
		}
		if got := float64(lost) / n; got < share*0.9 || got > share*1.1 {
			t.Errorf("lost %.4f of the datagrams, want %.2f", got, share)
		}
	}
}

func TestDelayAndJitterDoNotReorder(t *testing.T) {
	s := newSchedule(Profile{Delay: 100 * time.Millisecond, Jitter: 50 * time.Millisecond})
	var last time.Time
	var least, most time.Duration = time.Hour, 0
	for i := range 10_000 {
		now := start.Add(time.Duration(i) * 10 * time.Millisecond)
		due, ok := s.admit(now, 1200)
		if !ok || due.Before(last) {
			t.Fatalf("datagram %d: delivered %v, at %v after one at %v", i, ok, due, last)
		}
		last, least, most = due, min(least, due.Sub(now)), max(most, due.Sub(now))
	}
	if least < 100*time.Millisecond || least > 110*time.Millisecond || most < 140*time.Millisecond || most > 150*time.Millisecond {
		t.Errorf("delays between %v and %v, want 100 to 150 ms", least, most)
	}
}

func TestReorderDelaysTheConfiguredFraction(t *testing.T) {
	const n = 10_000
	s, overtaken := newSchedule(Profile{Reorder: 0.05}), 0
	for i := range n {
		now := start.Add(time.Duration(i) * time.Millisecond)
		if due, _ := s.admit(now, 1200); due.Sub(now) == reorderDelay {
			overtaken++
		} else if due != now {
			t.Fatalf("datagram %d in order is delayed by %v", i, due.Sub(now))
		}
	}
	if overtaken < n/20*9/10 || overtaken > n/20*11/10 {
		t.Errorf("%d of %d reordered, want 5 %%", overtaken, n)
	}
}

func TestBottleneckFillsItsQueueAndDropsExcess(t *testing.T) {
	for _, queue := range []time.Duration{0, 100 * time.Millisecond} {
		const rate, size = 300_000, 1000
		s := newSchedule(Profile{Rate: rate, Queue: queue})
		var bits int
		var most time.Duration
		for i := range 10_000 { // ten seconds of traffic at 8 Mbit/s
			now := start.Add(time.Duration(i) * time.Millisecond)
			due, ok := s.admit(now, size)
			if !ok {
				continue
			}
			most = max(most, due.Sub(now))
			if due.Before(start.Add(10 * time.Second)) {
				bits += (size + headers) * 8
			}
		}
		if got := float64(bits) / 10; got < rate*0.98 || got > rate*1.001 {
			t.Errorf("%v bits a second came through, want %d", got, rate)
		}
		limit := queue
		if limit == 0 {
			limit = defaultQueue
		}
		if most < limit || most > limit+30*time.Millisecond { // one more datagram takes 27 ms
			t.Errorf("the queue delayed a datagram by %v, want %v", most, limit)
		}
	}
}

func TestIdleBottleneckAddsNoQueueingDelay(t *testing.T) {
	s := newSchedule(Profile{Rate: 1_000_000})
	for i := range 10 {
		now := start.Add(time.Duration(i) * time.Second)
		if due, _ := s.admit(now, 1222); due.Sub(now) != 10*time.Millisecond {
			t.Fatalf("datagram %d takes %v, want 10 ms", i, due.Sub(now))
		}
	}
}
