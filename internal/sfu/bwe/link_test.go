package bwe

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
)

// step is the grain of the simulation.
const step = time.Millisecond

// path is a link in virtual time: a queue in front of a bottleneck, then a delay.
type link struct {
	rate    float64 // bits/s
	queue   time.Duration
	delay   time.Duration // one way
	loss    float64
	jitter  time.Duration // at most, on top of delay
	reorder bool          // jitter may change the order
	cross   float64       // bits/s of somebody else
}

type packetOnLink struct {
	seq     uint16
	arrival time.Time
}

// call is a sender behind an Estimator, a path, and a receiver that gives feedback. Time goes by in run only.
type simulation struct {
	t      *testing.T
	path   link
	now    time.Time
	random *rand.Rand

	e          *Estimator
	prober     Prober
	layers     []int // rates that can be sent, ascending; the highest that the estimate carries is
	wanted     int
	adaptive   bool // sends what the estimate allows, up to wanted
	probesOnly bool // sends nothing but probes: all pictures are paused

	seq      uint16
	frameDue time.Time
	backlog  int // bytes waiting in the pacer
	budget   float64
	probe    Probe
	probing  time.Time // until
	probed   float64   // budget, bytes

	free        time.Time // when the bottleneck has sent what it holds
	crossBudget float64
	under       []packetOnLink
	feedback    []delayedFeedback
	recorder    *twcc.Recorder
	reportDue   time.Time

	sent, dropped int // packets
	sentBytes     int
	delayMost     time.Duration
}

type delayedFeedback struct {
	raw []byte
	at  time.Time
}

func newSimulation(t *testing.T, p link) *simulation {
	now := time.Unix(1_700_000_000, 0)
	return &simulation{
		t: t, path: p, now: now, random: rand.New(rand.NewPCG(3, 4)), e: New(800_000), wanted: 1_700_000,
		layers: []int{150_000, 500_000, 1_700_000}, recorder: twcc.NewRecorder(5), free: now, frameDue: now, reportDue: now,
	}
}

// run lets time go by; each is called every step if it is not nil.
func (c *simulation) run(d time.Duration, each func()) {
	for end := c.now.Add(d); c.now.Before(end); c.now = c.now.Add(step) {
		c.sendCrossTraffic()
		c.produce()
		c.pace()
		c.receive()
		if probe, ok := c.prober.Next(c.e, c.wanted, c.now); ok {
			c.probe, c.probing, c.probed = probe, c.now.Add(probe.Duration), 0
			c.e.BeginProbe(probe.ID)
		}
		if each != nil {
			each()
		}
	}
}

// rate is what the source sends.
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

// produce makes a frame each 33 ms.
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

// pace sends what waits at two and a half times the estimate, and probes.
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

func (c *simulation) send(size int) {
	c.seq++
	c.sent++
	c.sentBytes += size
	c.e.Sent(c.seq, size, c.probe.ID, c.now)
	if c.random.Float64() < c.path.loss {
		c.dropped++
		return
	}
	if !c.enqueue(size) {
		c.dropped++
		return
	}
	arrival := c.free.Add(c.path.delay)
	if c.path.jitter > 0 {
		arrival = arrival.Add(time.Duration(c.random.Int64N(int64(c.path.jitter))))
		if n := len(c.under); !c.path.reorder && n > 0 && arrival.Before(c.under[n-1].arrival) {
			arrival = c.under[n-1].arrival
		}
	}
	c.delayMost = max(c.delayMost, arrival.Sub(c.now)-c.path.delay)
	c.under = append(c.under, packetOnLink{c.seq, arrival})
}

// enter puts size bytes into the bottleneck's queue, if they fit.
func (c *simulation) enqueue(size int) bool {
	if c.free.Before(c.now) {
		c.free = c.now
	}
	if c.free.Sub(c.now) > c.path.queue {
		return false
	}
	c.free = c.free.Add(time.Duration(float64(size) * 8 / c.path.rate * 1e9))
	return true
}

func (c *simulation) sendCrossTraffic() {
	c.crossBudget += c.path.cross / 8 * step.Seconds()
	for c.crossBudget > 1200 {
		c.crossBudget -= 1200
		c.enqueue(1200)
	}
}

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
			c.feedback = append(c.feedback, delayedFeedback{raw, c.now.Add(c.path.delay)})
		}
	}
	for len(c.feedback) > 0 && !c.feedback[0].at.After(c.now) {
		if err := c.e.HandleFeedback(c.feedback[0].raw, c.now); err != nil {
			c.t.Fatal(err)
		}
		c.feedback = c.feedback[1:]
	}
}

// queued is how long a packet would wait at the bottleneck now.
func (c *simulation) queueDelay() time.Duration { return max(0, c.free.Sub(c.now)) }
