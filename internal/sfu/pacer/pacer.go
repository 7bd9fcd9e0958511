package pacer

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"

	"meet/internal/sfu/bwe"
)

const (
	// StartBitrate is what a connection is believed to carry before it has said anything, in bits/s: a middle layer, and
	// within what most carry.
	StartBitrate = 800_000
	// mtu is the longest payload that may wait.
	mtu = 1500
	// paceFactor is how much faster than the estimate a burst goes out, as libwebrtc's pacer does: a key frame takes its
	// time on the path anyway, and the queue there has room for a little.
	pacingFactor = 2.5
	// paceQueued is the same while packets wait on the path, so that it empties: what more went out would only wait there or
	// be lost, and here it can still be taken back.
	queuedPacingFactor = 0.7
	// A burst goes out at once if it is what paceBurst allows, and paceLeast bytes in any case: a few packets.
	burstTime = 40 * time.Millisecond
	minBurst  = 4 * 1200
	// paceStep is how often what waits is looked at.
	pacingInterval = 5 * time.Millisecond
	// MaxWaiting is how many packets may wait; one more is dropped. It counts as lost, so the subscriber asks for it again
	// when there may be room. The caller has to remember as many, to answer.
	MaxQueued = 512
	// paceLongest is how long what waits may take; with more the rate rises, because a picture that comes so late is no
	// better than one that is lost.
	maxQueueTime = 500 * time.Millisecond
	// repairShare of the estimate may be retransmissions: on a full path they are what fills it.
	retransmitShare   = 0.5
	minRetransmitRate = 20_000 // bytes/s, for when the estimate is very low
	retransmitBurst   = 250 * time.Millisecond
	// MaxPadding is how many bytes one packet of nothing but padding may hold (RFC 3550, section 5.1).
	MaxPadding = 255
)

// Pacer sends one subscriber's packets to its connection: it numbers them for transport-wide feedback, estimates from that
// feedback what the connection carries, and spreads bursts of video that exceed the estimate. A packet that need not wait
// passes through without a copy. Sound never waits, nor do retransmissions.
type Pacer struct {
	wg   sync.WaitGroup // the goroutine that sends what waits, while there is something
	stop chan struct{}
	// meters is set when what goes out without a number counts too: the client says how it fares without naming packets.
	countsUnnumbered atomic.Bool

	mu            sync.Mutex
	closed        bool
	onChange      func(now time.Time) // called when the estimate may have changed; may be nil
	estimator     *bwe.Estimator
	prober        bwe.Prober
	seq           uint16      // transport-wide, of the latest packet
	twcc          twccSupport // of feedback, by the client
	firstNumbered time.Time   // when the first packet got a number; zero before

	pacing           bool    // bursts are held back: the estimate is known
	estimate         float64 // bytes/s
	rate             float64 // bytes/s, of bursts
	budget           float64 // bytes that may go out at once
	retransmitBudget float64 // the same, of retransmissions
	refilled         time.Time
	queue            []*queuedPacket // oldest first
	queuedBytes      int             // of them
	running          bool            // the goroutine runs
	sending          bool            // it is writing a packet, before which none may pass

	probe activeProbe

	sent, delayed, dropped uint64
}

// probing is a probe under way.
type activeProbe struct {
	bwe.Probe
	began, ends time.Time // zero while there is none
	bytes       int
	pad         func(now time.Time, size int) int
}

// waitingPacket is a copy of a packet that waits for its turn.
type queuedPacket struct {
	writer        interceptor.RTPWriter
	header        rtp.Header
	payload       []byte
	twccExtension uint8 // id of the transport-wide number; 0 without
	twccNumber    [2]byte
	raw           [mtu]byte // payload
	extensions    [2 * maxExtension]byte
}

// maxWaitingExtension is the longest header extension that is sent, the dependency descriptor (RFC 8285: one byte of length).
const maxExtension = 255

var queuedPackets = sync.Pool{New: func() any { return new(queuedPacket) }}

// New makes the Pacer of one connection.
func New() *Pacer {
	return &Pacer{stop: make(chan struct{}), estimator: bwe.New(StartBitrate)}
}

// Packet is a packet on its way to the connection. The memory of Header and Number is its owner's: a packet that waits is
// copied.
type Packet struct {
	Writer        interceptor.RTPWriter
	Header        *rtp.Header
	Payload       []byte
	TWCCExtension uint8    // id of the transport-wide number; 0 without
	TWCCNumber    *[2]byte // memory for that number
	Video         bool
	Urgent        bool // it does not wait: a retransmission, padding
}

// Send sends a packet now or when its turn comes, and reports whether it has been sent.
func (p *Pacer) Send(o *Packet, now time.Time) bool {
	if o.TWCCExtension != 0 || o.Video && p.countsUnnumbered.Load() {
		p.mu.Lock()
		if p.pacing && !o.Urgent && p.enqueueLocked(o, now) {
			p.mu.Unlock()
			return false
		}
		p.numberLocked(o.Header, o.TWCCExtension, o.TWCCNumber, len(o.Payload), now)
		p.mu.Unlock()
	}
	// A failed write is a closing connection; its owner learns that elsewhere.
	_, _ = o.Writer.Write(o.Header, o.Payload, nil)
	return true
}

// numberLocked gives a packet its transport-wide number and counts it.
func (p *Pacer) numberLocked(h *rtp.Header, extension uint8, number *[2]byte, size int, now time.Time) {
	size += h.MarshalSize() + int(h.PaddingSize)
	p.sent++
	p.budget -= float64(size)
	if extension == 0 {
		p.estimator.SentUnnumbered(size, now)
		return
	}
	if p.firstNumbered.IsZero() {
		p.firstNumbered = now
	}
	p.seq++
	number[0], number[1] = byte(p.seq>>8), byte(p.seq)
	_ = h.SetExtension(extension, number[:])
	probe := uint8(0)
	if !p.probe.ends.IsZero() {
		probe = p.probe.ID
		p.probe.bytes += size
	}
	p.estimator.Sent(p.seq, size, probe, now)
}

// holdLocked keeps a copy of o for later if it may not go out now.
func (p *Pacer) enqueueLocked(o *Packet, now time.Time) bool {
	p.refillLocked(now)
	if len(p.queue) == 0 && !p.sending && p.budget > 0 {
		return false
	}
	if p.closed {
		return false
	}
	if len(p.queue) >= MaxQueued || len(o.Payload) > mtu {
		p.dropped++
		return true
	}
	w := queuedPackets.Get().(*queuedPacket)
	w.copyFrom(o)
	p.queue = append(p.queue, w)
	p.queuedBytes += len(w.payload)
	p.delayed++
	p.startLocked()
	return true
}

// keep copies o.
func (w *queuedPacket) copyFrom(o *Packet) {
	extensions := w.header.Extensions[:0]
	w.writer, w.header, w.twccExtension = o.Writer, *o.Header, o.TWCCExtension
	w.payload = w.raw[:copy(w.raw[:], o.Payload)]
	w.header.Extension, w.header.ExtensionProfile, w.header.Extensions = false, 0, extensions
	used := 0
	for _, id := range o.Header.GetExtensionIDs() {
		e := o.Header.GetExtension(id)
		if n := copy(w.extensions[used:], e); n == len(e) {
			_ = w.header.SetExtension(id, w.extensions[used:used+n])
			used += n
		}
	}
}

// refillLocked adds what the time since the last call allows.
func (p *Pacer) refillLocked(now time.Time) {
	elapsed := now.Sub(p.refilled).Seconds()
	if elapsed <= 0 {
		return
	}
	p.refilled = now
	elapsed = min(elapsed, 1)
	rate := max(p.rate, float64(p.queuedBytes)/maxQueueTime.Seconds())
	p.budget = min(p.budget+rate*elapsed, max(minBurst, rate*burstTime.Seconds()))
	repair := max(minRetransmitRate, p.estimate*retransmitShare)
	p.retransmitBudget = min(p.retransmitBudget+repair*elapsed, max(minBurst, repair*retransmitBurst.Seconds()))
}

// RoundTrip returns that of the latest packets, the client's wait before it answers included; 0 while unknown.
func (p *Pacer) RoundTrip() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.estimator.RoundTrip()
}

// AllowRepair reports whether a retransmission of size bytes is within the share of retransmissions, and counts it. stale
// says that the picture can do without it, because a key frame has followed or is to follow: on a full path it would only
// delay that key frame.
func (p *Pacer) AllowRetransmission(size int, stale bool, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.pacing {
		return true
	}
	if stale && p.estimator.AtCapacity() {
		p.dropped++
		return false
	}
	p.refillLocked(now)
	if p.retransmitBudget < float64(size) {
		p.dropped++
		return false
	}
	p.retransmitBudget -= float64(size)
	return true
}

// DropIfFull drops what waits of that stream, if the path is full: a key frame follows, which it would only hold up.
func (p *Pacer) DropQueuedIfFull(ssrc uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.estimator.AtCapacity() {
		p.dropQueuedLocked(ssrc)
	}
}

// Drop drops what waits of a stream that has ended.
func (p *Pacer) DropQueued(ssrc uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropQueuedLocked(ssrc)
}

func (p *Pacer) dropQueuedLocked(ssrc uint32) {
	kept := p.queue[:0]
	for _, w := range p.queue {
		if w.header.SSRC == ssrc {
			p.queuedBytes -= len(w.payload)
			p.dropped++
			w.writer = nil
			queuedPackets.Put(w)
			continue
		}
		kept = append(kept, w)
	}
	clear(p.queue[len(kept):])
	p.queue = kept
}

// drainLocked starts the goroutine that sends what waits, if it does not run.
func (p *Pacer) startLocked() {
	if !p.running && !p.closed {
		p.running = true
		p.wg.Go(p.run) // ends when nothing waits, or with Close
	}
}

// drain sends what waits, and padding while there is a probe, until there is neither.
func (p *Pacer) run() {
	t := time.NewTicker(pacingInterval)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case now := <-t.C:
			for p.sendQueued(now) {
			}
			if !p.sendProbePadding(now) && p.stopIfIdle() {
				return
			}
		}
	}
}

// rest ends the goroutine's work if nothing waits.
func (p *Pacer) stopIfIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = len(p.queue) > 0 || !p.probe.ends.IsZero()
	return !p.running
}

// releaseOne sends the oldest packet that waits, if the budget allows.
func (p *Pacer) sendQueued(now time.Time) bool {
	p.mu.Lock()
	p.refillLocked(now)
	if len(p.queue) == 0 || p.budget <= 0 {
		p.mu.Unlock()
		return false
	}
	w := p.queue[0]
	p.queue[0] = nil
	if p.queue = p.queue[1:]; len(p.queue) == 0 {
		p.queue = nil
	}
	p.queuedBytes -= len(w.payload)
	p.sending = true
	p.numberLocked(&w.header, w.twccExtension, &w.twccNumber, len(w.payload), now)
	p.mu.Unlock()
	_, _ = w.writer.Write(&w.header, w.payload, nil)
	w.writer = nil
	queuedPackets.Put(w)
	p.mu.Lock()
	p.sending = false
	p.mu.Unlock()
	return true
}

// Close ends the goroutine and waits for it. What waits is not sent; later packets go out at once.
func (p *Pacer) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.stop)
		p.queue, p.queuedBytes = nil, 0
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// Stats are what is known of the path to a subscriber.
type Stats struct {
	Bitrate int  // estimate, bits/s
	Known   bool // the estimate rests on what the subscriber says
	Queued  int  // packets
	// Since the beginning: packets of video that went out, that had to wait first, and that were dropped because too
	// many waited or too much was asked for again.
	Sent, Delayed, Dropped uint64
}

// Stats returns what is known of the path to the subscriber.
func (p *Pacer) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{p.estimator.Bitrate(), p.estimator.Known(), len(p.queue), p.sent, p.delayed, p.dropped}
}

// OnChange sets the function that is called when the estimate may have changed, by the goroutine that called HandleRTCP.
// It must not block.
func (p *Pacer) OnChange(changed func(now time.Time)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onChange = changed
}
