package bwe

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
)

// step is the time step of the simulation.
const step = time.Millisecond

// link is a network link in virtual time: a bottleneck with a queue, then a delay.
type link struct {
	rate    float64       // bits/s
	queue   time.Duration // maximum queueing delay
	delay   time.Duration // one way
	loss    float64       // share of packets lost at random
	jitter  time.Duration // maximum, in addition to delay
	reorder bool          // jitter may reorder packets
	cross   float64       // bits/s of other traffic
}

// packetOnLink is a packet that has not arrived yet.
type packetOnLink struct {
	seq     uint16
	arrival time.Time
}

// simulation is a sender with an Estimator, a link, and a receiver that sends feedback. Time passes only in run.
type simulation struct {
	t      *testing.T
	link   link
	now    time.Time
	random *rand.Rand

	e          *Estimator
	prober     Prober
	layers     []int // possible bitrates, ascending; the highest one within the estimate is sent
	wanted     int   // bits/s
	adaptive   bool  // sends at the estimate, up to wanted
	probesOnly bool  // sends only probes, as if all video were paused

	seq      uint16
	frameDue time.Time
	backlog  int     // bytes in the pacer's queue
	budget   float64 // bytes the pacer may send
	probe    Probe
	probing  time.Time // end of the probe
	probed   float64   // bytes the probe may send

	free        time.Time      // when the bottleneck has sent its queue
	crossBudget float64        // bytes of other traffic due
	under       []packetOnLink // packets on the link
	feedback    []delayedFeedback
	recorder    *twcc.Recorder
	reportDue   time.Time

	sent, dropped int // packets
	sentBytes     int
	maxDelay      time.Duration // maximum queueing delay so far
}

// delayedFeedback is a feedback packet and its time of arrival at the sender.
type delayedFeedback struct {
	raw []byte
	at  time.Time
}

// newSimulation returns a simulation that sends up to 1.7 Mbit/s over the link p.
func newSimulation(t *testing.T, p link) *simulation {
	now := time.Unix(1_700_000_000, 0)
	return &simulation{
		t: t, link: p, now: now, random: rand.New(rand.NewPCG(3, 4)), e: New(800_000), wanted: 1_700_000,
		layers: []int{150_000, 500_000, 1_700_000}, recorder: twcc.NewRecorder(5), free: now, frameDue: now, reportDue: now,
	}
}

// run runs the simulation for d. If onStep is not nil, it is called at every step.
func (c *simulation) run(d time.Duration, onStep func()) {
	for end := c.now.Add(d); c.now.Before(end); c.now = c.now.Add(step) {
		c.sendCrossTraffic()
		c.produce()
		c.pace()
		c.receive()
		if probe, ok := c.prober.Next(c.e, c.wanted, c.now); ok {
			c.probe, c.probing, c.probed = probe, c.now.Add(probe.Duration), 0
			c.e.BeginProbe(probe.ID)
		}
		if onStep != nil {
			onStep()
		}
	}
}

// rate returns the bitrate of the source in bits/s.
func (c *simulation) rate() int {
	carried := c.e.Bitrate() * 95 / 100
	if c.adaptive {
		return min(carried, c.wanted)
	}
	rate := c.layers[0]
	for _, l := range c.layers {
		if l <= carried && l <= c.wanted {
			rate = l
		}
	}
	return rate
}

// produce adds a frame to the pacer's queue every 33 ms.
func (c *simulation) produce() {
	if c.now.Before(c.frameDue) {
		return
	}
	c.frameDue = c.frameDue.Add(33 * time.Millisecond)
	if c.probesOnly {
		c.backlog = 0
		return
	}
	c.backlog += int(float64(c.rate()) / 8 * 0.033 * (0.8 + 0.4*c.random.Float64()))
}

// pace sends from the pacer's queue at 2.5 times the estimate, and sends probes.
func (c *simulation) pace() {
	c.budget = min(c.budget+2.5*float64(c.e.Bitrate())/8*step.Seconds(), 4800)
	probing := c.probe.ID != 0
	for c.backlog > 0 && c.budget > 0 {
		size := min(c.backlog, 1200)
		c.backlog -= size
		c.budget -= float64(size)
		c.send(size)
		c.probed -= float64(size)
	}
	if !probing {
		return
	}
	c.probed += float64(c.probe.Rate) / 8 * step.Seconds()
	for c.probed > 0 {
		c.probed -= 280
		c.send(280)
	}
	if !c.now.Before(c.probing) {
		c.e.EndProbe(c.probe.ID)
		c.probe = Probe{}
	}
}

// send sends a packet of size bytes.
func (c *simulation) send(size int) {
	c.seq++
	c.sent++
	c.sentBytes += size
	c.e.Sent(c.seq, size, c.probe.ID, c.now)
	if c.random.Float64() < c.link.loss {
		c.dropped++
		return
	}
	if !c.enqueue(size) {
		c.dropped++
		return
	}
	arrival := c.free.Add(c.link.delay)
	if c.link.jitter > 0 {
		arrival = arrival.Add(time.Duration(c.random.Int64N(int64(c.link.jitter))))
		if n := len(c.under); !c.link.reorder && n > 0 && arrival.Before(c.under[n-1].arrival) {
			arrival = c.under[n-1].arrival
		}
	}
	c.maxDelay = max(c.maxDelay, arrival.Sub(c.now)-c.link.delay)
	c.under = append(c.under, packetOnLink{c.seq, arrival})
}

// enqueue adds size bytes to the bottleneck's queue, and reports whether they fit.
func (c *simulation) enqueue(size int) bool {
	if c.free.Before(c.now) {
		c.free = c.now
	}
	if c.free.Sub(c.now) > c.link.queue {
		return false
	}
	c.free = c.free.Add(time.Duration(float64(size) * 8 / c.link.rate * 1e9))
	return true
}

// sendCrossTraffic adds the other traffic to the bottleneck's queue.
func (c *simulation) sendCrossTraffic() {
	c.crossBudget += c.link.cross / 8 * step.Seconds()
	for c.crossBudget > 1200 {
		c.crossBudget -= 1200
		c.enqueue(1200)
	}
}

// receive delivers packets to the receiver and feedback to the sender.
func (c *simulation) receive() {
	left := c.under[:0]
	for _, f := range c.under {
		if f.arrival.After(c.now) {
			left = append(left, f)
			continue
		}
		c.recorder.Record(7, f.seq, f.arrival.UnixMicro())
	}
	c.under = left
	if !c.now.Before(c.reportDue) {
		c.reportDue = c.reportDue.Add(100 * time.Millisecond)
		for _, p := range c.recorder.BuildFeedbackPacket() {
			raw, err := p.Marshal()
			if err != nil {
				c.t.Fatal(err)
			}
			c.feedback = append(c.feedback, delayedFeedback{raw, c.now.Add(c.link.delay)})
		}
	}
	for len(c.feedback) > 0 && !c.feedback[0].at.After(c.now) {
		if err := c.e.HandleFeedback(c.feedback[0].raw, c.now); err != nil {
			c.t.Fatal(err)
		}
		c.feedback = c.feedback[1:]
	}
}

// queueDelay returns the current queueing delay at the bottleneck.
func (c *simulation) queueDelay() time.Duration { return max(0, c.free.Sub(c.now)) }
