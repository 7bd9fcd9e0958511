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
	// StartBitrate is the assumed capacity of a connection before its first feedback, in bits/s. It is enough for a
	// middle layer of video, and most connections carry it.
	StartBitrate = 800_000
	// mtu is the maximum payload of a queued packet in bytes.
	mtu = 1500
	// pacingFactor is the ratio of the pacing rate to the estimate, as in libwebrtc. A burst such as a key frame takes
	// time on the path anyway, and a short queue there is harmless.
	pacingFactor = 2.5
	// queuedPacingFactor replaces pacingFactor while there is a queue on the path, so that it drains. Packets sent into
	// that queue would only wait or be lost, while packets in the Pacer's own queue can still be dropped.
	queuedPacingFactor = 0.7
	// A burst is sent without pacing if sending it at the pacing rate takes at most burstTime, or if it has at most
	// minBurst bytes, which are a few packets.
	burstTime = 40 * time.Millisecond
	minBurst  = 4 * 1200
	// pacingInterval is the interval at which queued packets are sent.
	pacingInterval = 5 * time.Millisecond
	// MaxQueued is the maximum number of queued packets. Further packets are dropped. They count as lost, so the
	// subscriber requests them later. The caller must therefore store at least as many packets for retransmission.
	MaxQueued = 512
	// maxQueueTime is the maximum time to drain the queue. If it would take longer, the rate is raised, because a frame
	// that is later than this is no better than a lost one.
	maxQueueTime = 500 * time.Millisecond
	// retransmitShare is the share of the estimate that retransmissions may use: on a congested path they would
	// otherwise fill it.
	retransmitShare   = 0.5
	minRetransmitRate = 20_000 // bytes/s; the lower bound if the estimate is very low
	retransmitBurst   = 250 * time.Millisecond
	// MaxPadding is the maximum number of padding bytes in one packet (RFC 3550, section 5.1).
	MaxPadding = 255
)

// Pacer sends one subscriber's packets. It numbers them for transport-wide feedback, estimates the connection's
// capacity from that feedback, and spreads bursts of video that exceed the estimate. Packets that need not be queued
// are sent without a copy. Audio and retransmissions are never queued.
type Pacer struct {
	wg   sync.WaitGroup // the goroutine that drains the queue
	stop chan struct{}
	// countsUnnumbered is set if the estimator also counts video that is sent without a transport-wide sequence number.
	// It must, if the client's feedback is REMB or receiver reports, because these do not name packets.
	countsUnnumbered atomic.Bool

	mu            sync.Mutex
	closed        bool
	onChange      func(now time.Time) // called when the estimate may have changed; may be nil
	estimator     *bwe.Estimator
	prober        bwe.Prober
	seq           uint16      // transport-wide sequence number of the latest packet
	twcc          twccSupport // whether the client sends transport-wide feedback
	firstNumbered time.Time   // when the first packet got a transport-wide sequence number; zero before

	pacing           bool            // bursts are queued, because the estimate is known
	estimate         float64         // bytes/s
	rate             float64         // bytes/s, pacing rate
	budget           float64         // token bucket: bytes that may be sent without pacing
	retransmitBudget float64         // token bucket of retransmissions, bytes
	refilled         time.Time       // when the token buckets were last filled
	queue            []*queuedPacket // oldest first
	queuedBytes      int             // payload bytes in queue
	running          bool            // the goroutine runs
	sending          bool            // the goroutine is writing a packet, which no other may overtake

	probe activeProbe

	sent, delayed, dropped uint64 // see Stats
}

// activeProbe is a bandwidth probe in progress.
type activeProbe struct {
	bwe.Probe
	began, ends time.Time                         // zero if there is none
	bytes       int                               // sent so far
	pad         func(now time.Time, size int) int // sends a padding packet; see Pacer.Probe
}

// queuedPacket is a copy of a packet in the queue.
type queuedPacket struct {
	writer        interceptor.RTPWriter
	header        rtp.Header
	payload       []byte
	twccExtension uint8 // extension id of the transport-wide sequence number; 0: none
	twccNumber    [2]byte
	raw           [mtu]byte              // memory of payload
	extensions    [2 * maxExtension]byte // memory of the header extensions
}

// maxExtension is the maximum size of a header extension in bytes, because its length has one byte (RFC 8285). Large
// dependency descriptors reach it.
const maxExtension = 255

// queuedPackets pools queuedPackets, because each has a few kilobytes of memory.
var queuedPackets = sync.Pool{New: func() any { return new(queuedPacket) }}

// New returns the Pacer of one connection.
func New() *Pacer {
	return &Pacer{stop: make(chan struct{}), estimator: bwe.New(StartBitrate)}
}

// Packet is a packet to send. The caller keeps the memory of Header, Payload and TWCCNumber: a packet that is queued is
// copied.
type Packet struct {
	Writer        interceptor.RTPWriter
	Header        *rtp.Header
	Payload       []byte
	TWCCExtension uint8    // extension id of the transport-wide sequence number; 0: none
	TWCCNumber    *[2]byte // memory for the value of that extension
	Video         bool
	Urgent        bool // bypasses the queue: a retransmission or padding
}

// Send sends or queues a packet, or drops it if the queue is full. It reports whether the packet was sent.
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
	// A write fails only if the connection is closing, which its owner notices elsewhere.
	_, _ = o.Writer.Write(o.Header, o.Payload, nil)
	return true
}

// numberLocked writes the transport-wide sequence number into a packet and adds the packet to the estimator.
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

// enqueueLocked queues a copy of o if it may not be sent yet, or drops it if the queue is full. It returns false if the
// caller must send o.
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

// copyFrom copies o, including its payload and header extensions.
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

// refillLocked adds tokens to both budgets for the time since the last call.
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

// RoundTrip returns the round-trip time of the latest packets, including the client's delay before its feedback. It
// returns 0 while the time is unknown.
func (p *Pacer) RoundTrip() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.estimator.RoundTrip()
}

// AllowRetransmission reports whether a retransmission of size bytes is within the budget. If so, it subtracts size
// from the budget. superseded says that the packet is no longer needed, because a key frame has followed or will
// follow. At capacity, AllowRetransmission then returns false, because the packet would only delay that key frame.
func (p *Pacer) AllowRetransmission(size int, superseded bool, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.pacing {
		return true
	}
	if superseded && p.estimator.AtCapacity() {
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

// DropQueuedIfFull drops the queued packets with that SSRC if the path is at capacity. It is called before a key frame,
// which they would only delay.
func (p *Pacer) DropQueuedIfFull(ssrc uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.estimator.AtCapacity() {
		p.dropQueuedLocked(ssrc)
	}
}

// DropQueued drops the queued packets with that SSRC, because their stream has ended.
func (p *Pacer) DropQueued(ssrc uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropQueuedLocked(ssrc)
}

// dropQueuedLocked drops the queued packets with that SSRC.
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

// startLocked starts the goroutine that drains the queue, unless it runs.
func (p *Pacer) startLocked() {
	if !p.running && !p.closed {
		p.running = true
		p.wg.Go(p.run) // ends when there is nothing to send, or with Close
	}
}

// run sends queued packets, and padding during a probe, until there is neither.
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

// stopIfIdle marks the goroutine as ended if it has nothing to send, and reports whether it did. The goroutine must
// then return.
func (p *Pacer) stopIfIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = len(p.queue) > 0 || !p.probe.ends.IsZero()
	return !p.running
}

// sendQueued sends the oldest queued packet if the budget allows, and reports whether it did.
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

// Close ends the goroutine and waits for it. Queued packets are dropped; later ones are sent immediately.
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

// Stats are the estimate and the packet counters of the path to a subscriber.
type Stats struct {
	Bitrate int  // estimate, bits/s
	Known   bool // the estimate is based on the subscriber's feedback
	Queued  int  // packets in the queue
	// Numbers of video packets since the start. Delayed packets were queued before they were sent. Dropped packets were
	// not sent, because the queue was full or retransmissions exceeded their budget.
	Sent, Delayed, Dropped uint64
}

// Stats returns the current estimate and counters.
func (p *Pacer) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{p.estimator.Bitrate(), p.estimator.Known(), len(p.queue), p.sent, p.delayed, p.dropped}
}

// OnChange sets the function that HandleRTCP calls when the estimate may have changed. It must not block.
func (p *Pacer) OnChange(changed func(now time.Time)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onChange = changed
}
