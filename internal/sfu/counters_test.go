package sfu

import (
	"testing"
	"time"
)

func TestRoundTripsAreCounted(t *testing.T) {
	var r RoundTrips
	for _, ms := range []int{1, 5, 6, 30, 900, 5000} {
		r.add(time.Duration(ms) * time.Millisecond)
	}
	within, count, seconds := r.Histogram()
	if count != 6 || seconds != 5.942 {
		t.Errorf("%d took %v s", count, seconds)
	}
	for bound, want := range map[float64]uint64{0.005: 2, 0.01: 3, 0.02: 3, 0.05: 4, 0.8: 4, 1.6: 5} {
		if within[bound] != want {
			t.Errorf("%d within %v s, want %d", within[bound], bound, want)
		}
	}
}

func TestReportsAreCounted(t *testing.T) {
	var c Counters
	c.reported(Reception{}, Reception{Expected: 100, Lost: 7})
	c.reported(Reception{Expected: 100, Lost: 7}, Reception{Expected: 150, Lost: 5}) // two came late
	c.reported(Reception{Expected: 150, Lost: 5}, Reception{Expected: 150, Lost: 9})
	if c.Expected.Load() != 150 || c.Lost.Load() != 11 {
		t.Errorf("%d of %d lost", c.Lost.Load(), c.Expected.Load())
	}
}
