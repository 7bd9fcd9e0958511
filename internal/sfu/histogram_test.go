package sfu

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

func TestRoundTripTimesAreCountedInHistogramBuckets(t *testing.T) {
	var r RoundTrips
	for _, ms := range []int{1, 5, 6, 30, 900, 5000} {
		r.add(time.Duration(ms) * time.Millisecond)
	}
	within, count, seconds := r.Histogram()
	if count != 6 || seconds != 5.942 || len(within) != len(roundTripBounds) {
		t.Errorf("%d took %v s, by %d bounds", count, seconds, len(within))
	}
	for bound, want := range map[float64]uint64{0.005: 2, 0.01: 3, 0.02: 3, 0.05: 4, 0.8: 4, 1.6: 5} {
		if within[bound] != want {
			t.Errorf("%d within %v s, want %d", within[bound], bound, want)
		}
	}
}

// Each subscriber's packets are sampled: one in forwardingSampleEvery is counted. The server sends to one subscriber
// after the other, so the time for one subscriber includes the sending to the previous ones.
func TestForwardingTimeStatsSampleOnePacketInMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFanOut(t, webrtc.MimeTypeOpus, 3)
		slow := interceptor.RTPWriterFunc(func(*rtp.Header, []byte, interceptor.Attributes) (int, error) {
			time.Sleep(4 * time.Millisecond)
			return 0, nil
		})
		for _, d := range f.tracks {
			d.binding.writer = slow
		}
		sum := &f.layer.r.options.Counters.ForwardingTimes
		_, before, secondsBefore := sum.Histogram()
		within := func(s float64) uint64 { atMost, _, _ := sum.Histogram(); return atMost[s] }
		five, ten, twenty := within(0.005), within(0.01), within(0.02)
		for range 2 * forwardingSampleEvery {
			f.now = time.Now().Add(-time.Millisecond) // send adds a millisecond
			f.send()
		}
		_, count, seconds := sum.Histogram()
		if count -= before; count != 6 {
			t.Errorf("%d were counted, want 2 of each subscriber", count)
		}
		if took := seconds - secondsBefore; took < 0.0479 || took > 0.0481 {
			t.Errorf("they took %v s, want twice 4, 8 and 12 ms", took)
		}
		if a, b, c := within(0.005)-five, within(0.01)-ten, within(0.02)-twenty; a != 2 || b != 4 || c != 6 {
			t.Errorf("%d, %d and %d took at most 5, 10 and 20 ms", a, b, c)
		}
	})
}

// The time in the Pacer's queue depends on the subscriber's connection, not on the server.
func TestForwardingTimeStatsExcludePacketsQueuedByPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFanOut(t, webrtc.MimeTypeVP8, 1)
		d := f.tracks[0]
		pacer := d.options.Tap.pacer
		defer pacer.Close()
		if !pacer.HandleRTCP(remb(t, 200_000), time.Now()) {
			t.Fatal("that was no estimate")
		}
		_, before, _ := d.receiver.options.Counters.ForwardingTimes.Histogram()
		for range forwardingSampleEvery {
			f.send()
		}
		if _, count, _ := d.receiver.options.Counters.ForwardingTimes.Histogram(); count != before || pacer.Stats().Delayed == 0 {
			t.Errorf("%d were counted, with %d held back", count-before, pacer.Stats().Delayed)
		}
		time.Sleep(20 * time.Second) // of virtual time: the queue is sent completely
		if _, count, _ := d.receiver.options.Counters.ForwardingTimes.Histogram(); count != before || d.options.Tap.PacerStats().Queued > 0 {
			t.Errorf("%d were counted, %d are still queued", count-before, d.options.Tap.PacerStats().Queued)
		}
	})
}
