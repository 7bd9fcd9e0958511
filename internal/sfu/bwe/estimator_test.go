package bwe

import (
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
)

// estimateShare returns the estimate divided by rate.
func (c *simulation) estimateShare(rate float64) float64 { return float64(c.e.Bitrate()) / rate }

// meanEstimateShare runs the simulation for d and returns the mean estimate.
func (c *simulation) meanEstimateShare(d time.Duration) float64 {
	var sum float64
	n := 0
	c.run(d, func() { sum += float64(c.e.Bitrate()); n++ })
	return sum / float64(n)
}

func TestEstimateConvergesToLinkRate(t *testing.T) {
	for name, p := range map[string]link{
		"short delay": {delay: 10 * time.Millisecond},
		"long delay":  {delay: 100 * time.Millisecond},
		"jitter":      {delay: 30 * time.Millisecond, jitter: 10 * time.Millisecond},
		"reordering":  {delay: 30 * time.Millisecond, jitter: 8 * time.Millisecond, reorder: true},
		"2 % loss":    {delay: 30 * time.Millisecond, loss: 0.02},
		"10 % loss":   {delay: 30 * time.Millisecond, loss: 0.10},
		"20 % loss":   {delay: 30 * time.Millisecond, loss: 0.20},
		"small queue": {delay: 20 * time.Millisecond, queue: 30 * time.Millisecond},
		"large queue": {delay: 20 * time.Millisecond, queue: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			p.rate = 3e6
			if p.queue == 0 {
				p.queue = 300 * time.Millisecond
			}
			c := newSimulation(t, p)
			c.adaptive, c.wanted = true, 6_000_000
			c.run(10*time.Second, nil)
			c.maxDelay = 0
			if got := c.meanEstimateShare(30*time.Second) / p.rate; got < 0.6 || got > 1.15 {
				t.Errorf("the mean estimate is %.2f of the link rate", got)
			}
			if c.maxDelay > 300*time.Millisecond+p.jitter {
				t.Errorf("a packet waited %v in the queue", c.maxDelay)
			}
		})
	}
}

func TestEstimateReachesWantedBitrateOnGoodLinkInASecond(t *testing.T) {
	c := newSimulation(t, link{rate: 20e6, queue: 300 * time.Millisecond, delay: 20 * time.Millisecond})
	c.run(time.Second, nil)
	if got := c.rate(); got != 1_700_000 {
		t.Errorf("%d bits/s are sent after a second with an estimate of %d", got, c.e.Bitrate())
	}
}

// The link changes from 3 Mbit/s to 300 kbit/s and back.
func TestEstimateFollowsLinkRateDownAndUp(t *testing.T) {
	for name, tuned := range map[string]bool{"layers": false, "tuned": true} {
		t.Run(name, func(t *testing.T) {
			c := newSimulation(t, link{rate: 3e6, queue: 300 * time.Millisecond, delay: 20 * time.Millisecond})
			c.adaptive = tuned
			c.run(10*time.Second, nil)
			c.link.rate = 3e5
			c.run(3*time.Second, nil)
			if c.estimateShare(3e5) > 1.1 || c.estimateShare(3e5) < 0.4 || c.queueDelay() > 50*time.Millisecond {
				t.Errorf("three seconds later the estimate is %d and the queueing delay %v", c.e.Bitrate(), c.queueDelay())
			}
			c.sent, c.dropped = 0, 0
			c.run(20*time.Second, nil)
			if c.dropped*50 > c.sent {
				t.Errorf("%d of %d packets were lost after three seconds", c.dropped, c.sent)
			}
			if c.estimateShare(3e5) < 0.5 || c.estimateShare(3e5) > 1.3 {
				t.Errorf("the estimate is %d", c.e.Bitrate())
			}
			c.link.rate = 3e6
			c.run(8*time.Second, nil)
			if c.rate() < 1_600_000 {
				t.Errorf("eight seconds after the link has recovered, %d bits/s are sent", c.rate())
			}
		})
	}
}

// The delay increases without a queue, in some cases with packet loss.
func TestLongerPathDelayDoesNotLowerTheEstimate(t *testing.T) {
	for name, then := range map[string]link{
		"no loss":             {},
		"2 % loss":            {loss: 0.02},
		"5 % loss":            {loss: 0.05},
		"jitter":              {jitter: 30 * time.Millisecond},
		"5 % loss and jitter": {loss: 0.05, jitter: 30 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			c := newSimulation(t, link{rate: 10e6, queue: 300 * time.Millisecond, delay: 20 * time.Millisecond})
			c.run(10*time.Second, nil)
			c.link.delay += 150 * time.Millisecond
			c.link.loss, c.link.jitter = then.loss, then.jitter
			c.run(900*time.Millisecond, nil)
			if c.e.Queue(c.now) == 0 {
				t.Error("after a second the delay does not count as a queue, so the case tests nothing")
			}
			c.run(4*time.Second, nil)
			if q := c.e.Queue(c.now); q != 0 {
				t.Errorf("after five seconds it still counts as a queue of %v", q)
			}
			if got := c.rate(); got != 1_700_000 {
				t.Errorf("%d bits/s are sent with an estimate of %d", got, c.e.Bitrate())
			}
		})
	}
}

// A queue caused by the sender must not become part of the base delay.
func TestSendersOwnQueueIsNotMistakenForLongerPathDelay(t *testing.T) {
	const layer = 500_000 // bits/s
	for name, tt := range map[string]struct {
		narrows float64 // bits/s
		queue   time.Duration
		layers  []int
		sends   func(second int) int // index of the layer to send regardless of the estimate; may be nil
	}{
		"a large queue that drains slowly": {200_000, 3 * time.Second, []int{180_000, 500_000, 1_700_000}, nil},
		"5 % over capacity":                {0.95 * layer, 300 * time.Millisecond, []int{layer}, nil},
		"alternately over and under capacity": {0.95 * layer, 300 * time.Millisecond, []int{layer * 7 / 10, layer * 11 / 10}, func(second int) int {
			return second % 2
		}},
		"increasing bitrate": {0.95 * layer, 300 * time.Millisecond, []int{layer, layer * 3 / 2}, func(second int) int { return min(1, second/6) }},
	} {
		t.Run(name, func(t *testing.T) {
			c := newSimulation(t, link{rate: 3e6, queue: tt.queue, delay: 20 * time.Millisecond})
			c.layers = tt.layers
			c.run(10*time.Second, nil)
			c.link.rate = tt.narrows
			all, began := c.layers, c.now
			var waiting, unseen int
			c.run(12*time.Second, func() {
				if tt.sends != nil {
					c.layers = all[tt.sends(int(c.now.Sub(began)/time.Second)):][:1]
				}
				if c.queueDelay() > standingQueueDelay*time.Microsecond*3/2 && c.now.Sub(began) > time.Second {
					waiting++
					if c.e.Queue(c.now) == 0 {
						unseen++
					}
				}
			})
			t.Logf("a queue for %d ms, not reported for %d ms; the estimate is %d", waiting, unseen, c.e.Bitrate())
			if waiting < 500 {
				t.Error("there was no queue, so the case tests nothing")
			}
			if unseen*5 > waiting {
				t.Errorf("for %d of the %d ms with a queue, the estimator did not report it", unseen, waiting)
			}
		})
	}
}

// The link drops excess packets immediately, so only the loss shows congestion.
func TestLossWithoutQueueingDelayLowersTheEstimate(t *testing.T) {
	c := newSimulation(t, link{rate: 20e6, queue: 300 * time.Millisecond, delay: 20 * time.Millisecond})
	c.adaptive, c.wanted = true, 2_000_000
	c.run(10*time.Second, nil)
	c.link.rate, c.link.queue = 1e6, 8*time.Millisecond
	c.run(3*time.Second, nil)
	if got := c.meanEstimateShare(10*time.Second) / 1e6; got > 1.25 || got < 0.5 {
		t.Errorf("the estimate is %.2f of the link", got)
	}
}

// Without evidence, the estimate must neither grow nor fall.
func TestEstimateIsConstantWhileLittleIsSent(t *testing.T) {
	c := newSimulation(t, link{rate: 5e6, queue: 300 * time.Millisecond, delay: 30 * time.Millisecond, jitter: 20 * time.Millisecond})
	c.run(10*time.Second, nil)
	before := c.e.Bitrate()
	c.layers, c.wanted = []int{150_000}, 150_000
	c.run(time.Minute, nil)
	if got := float64(c.e.Bitrate()) / float64(before); got < 0.5 || got > 1.1 {
		t.Errorf("the estimate changed from %d to %d while 150 kbit/s were sent", before, c.e.Bitrate())
	}
	c.link.rate = 1e5
	c.run(5*time.Second, nil)
	if c.estimateShare(1e5) > 1.2 {
		t.Errorf("the estimate of a link of 100 kbit/s is %d", c.e.Bitrate())
	}
}

// Other traffic uses two thirds of the link, then stops.
func TestEstimateAdaptsToCrossTraffic(t *testing.T) {
	c := newSimulation(t, link{rate: 3e6, queue: 300 * time.Millisecond, delay: 20 * time.Millisecond})
	c.adaptive, c.wanted = true, 6_000_000
	c.run(10*time.Second, nil)
	c.link.cross = 2e6
	c.run(5*time.Second, nil)
	if got := c.meanEstimateShare(10*time.Second) / 1e6; got < 0.5 || got > 1.3 {
		t.Errorf("the estimate is %.2f of the remaining rate", got)
	}
	c.link.cross = 0
	c.run(10*time.Second, nil)
	if got := c.meanEstimateShare(5*time.Second) / 3e6; got < 0.6 {
		t.Errorf("ten seconds later the estimate is %.2f of the link rate", got)
	}
}

func TestEstimateRecoversAfterInterruption(t *testing.T) {
	c := newSimulation(t, link{rate: 3e6, queue: 300 * time.Millisecond, delay: 20 * time.Millisecond})
	c.run(10*time.Second, nil)
	c.link.loss = 1
	c.run(3*time.Second, nil)
	c.link.loss = 0
	c.run(6*time.Second, nil)
	if c.rate() != 1_700_000 {
		t.Errorf("six seconds after an interruption of three seconds, %d bits/s are sent", c.rate())
	}
}

// With all video paused there is no feedback any more, so the sender has to probe the path.
func TestEstimateRecoversAfterVideoIsPausedByCongestion(t *testing.T) {
	c := newSimulation(t, link{rate: 3e6, queue: 2 * time.Second, delay: 20 * time.Millisecond})
	c.run(10*time.Second, nil)
	c.link.rate = 1e5
	c.run(5*time.Second, func() { c.probesOnly = c.probesOnly || c.e.Congested(c.now) })
	if !c.probesOnly {
		t.Fatal("there is no congestion on a link with 1/30 of the rate")
	}
	c.link.rate = 3e6
	c.run(15*time.Second, nil)
	if c.rate() < 1_600_000 {
		t.Errorf("fifteen seconds after the link has recovered, the estimate is %d, and its delay grows: %v", c.e.Bitrate(), c.e.Congested(c.now))
	}
}

// With transport-wide feedback, loss reports change neither the estimate nor AtCapacity.
func TestLossReportsAreIgnoredWithTWCC(t *testing.T) {
	c := newSimulation(t, link{rate: 3e6, queue: 300 * time.Millisecond, delay: 20 * time.Millisecond})
	c.run(10*time.Second, nil)
	c.link.rate = 3e5
	c.run(3*time.Second, nil)
	if !c.e.AtCapacity() {
		t.Fatal("AtCapacity is false on a link with 1/10 of the rate")
	}
	c.e.HandleLoss(0.5, c.now)
	for range 200 {
		c.now = c.now.Add(time.Second)
		c.e.HandleLoss(0, c.now)
	}
	if !c.e.AtCapacity() {
		t.Error("loss reports without loss ended AtCapacity")
	}
}

func TestRecordingASentPacketAllocatesNothing(t *testing.T) {
	e, now, seq := New(1e6), time.Now(), uint16(0)
	send := func() {
		seq++
		now = now.Add(time.Millisecond)
		e.Sent(seq, 1200, 0, now)
	}
	send()
	if n := testing.AllocsPerRun(100, send); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

// BenchmarkEstimatorForOneSecondOfMedia measures the estimator's work for one second of 1.7 Mbit/s: about 180 packets
// and ten feedback packets, which are built in the benchmark too.
func BenchmarkEstimatorForOneSecondOfMedia(b *testing.B) {
	e, now, seq := New(2_000_000), time.Unix(1_700_000_000, 0), uint16(0)
	recorder := twcc.NewRecorder(1)
	b.ReportAllocs()
	for b.Loop() {
		for range 10 {
			for range 18 {
				seq++
				now = now.Add(5500 * time.Microsecond)
				e.Sent(seq, 1200, 0, now)
				recorder.Record(1, seq, now.UnixMicro())
			}
			raw, err := recorder.BuildFeedbackPacket()[0].Marshal()
			if err != nil {
				b.Fatal(err)
			}
			if err := e.HandleFeedback(raw, now); err != nil {
				b.Fatal(err)
			}
		}
	}
}
