package rtc

import (
	"context"
	"sync"
	"time"
)

const (
	// maxReliableBytes is the maximum size of the reliable messages queued for one client, in bytes. A client that
	// exceeds it is disconnected. While the client's channel is not open yet, the oldest messages are dropped instead,
	// as if the client had joined later. Clients share the memory of a message.
	maxReliableBytes = 8 << 20
	// highWater is the queue size in bytes above which backpressure slows the senders down. The backpressure ends when
	// the queue has shrunk to half of it.
	highWater = 1 << 20
	// maxBackpressureWait is the maximum time for which a slow client delays a sender that has other recipients too.
	// maxStall is the maximum time for which a sender waits for its only recipient while that recipient takes no
	// message. After these times messages are queued without waiting, up to maxReliableBytes.
	maxBackpressureWait = 5 * time.Second
	maxStall            = 30 * time.Second
	// maxInFlight is the maximum number of reliable bytes buffered inside SCTP, which copies them for each client. It
	// suffices for 40 Mbit/s with a round-trip time of 100 ms.
	maxInFlight = 512 << 10

	// maxLossyAge is the maximum time that lossy messages wait, because later they are useless (docs/protocol.md, 6.6).
	// maxLossyBytes is their maximum total size; beyond it the oldest are dropped.
	maxLossyAge   = 100 * time.Millisecond
	maxLossyBytes = 1 << 20
	// The limit for the bytes buffered inside SCTP is SCTP's congestion window, but at least minWindow. The congestion
	// window is very small at first, and it grows only while data waits to be sent. At 1 Mbit/s minWindow takes little
	// more than maxLossyAge to send. windowAge is the time for which a measured congestion window is used.
	minWindow = 16 << 10
	windowAge = 100 * time.Millisecond
)

// channel is the part of a webrtc.DataChannel that an outbox uses.
type channel interface {
	Label() string
	Send([]byte) error
	BufferedAmount() uint64
	SetBufferedAmountLowThreshold(uint64)
	OnBufferedAmountLow(func())
}

// outbox queues the messages for one client's data channels. Messages may be put from any goroutine; one goroutine,
// run, sends them.
type outbox struct {
	overflow func()        // called when the queue of reliable messages is full
	wake     chan struct{} // holds a token when run should check the queues
	done     chan struct{} // closed by close
	ended    chan struct{} // closed when run has returned

	mu                           sync.Mutex
	reliable                     sendQueue
	lossy                        sendQueue
	frames                       sendQueue     // packets of data tracks
	backpressure                 chan struct{} // non-nil while the client is slow; closed when the client has caught up
	backpressureSince, lastTaken time.Time     // start of the backpressure; time when a reliable message last left the queue
	closed                       bool
	running                      bool
	predecessorDone              chan struct{} // closed when the previous outbox has stopped sending on the channels; nil if there is none
}

// sendQueue holds the messages queued for one data channel, the oldest first.
type sendQueue struct {
	to       channel // nil until the channel is open
	window   func() uint64
	messages []queued
	bytes    int
}

// queued is a message in a sendQueue, with the time when it was put there.
type queued struct {
	raw []byte
	at  time.Time
}

// queuedOverhead is the memory that a queued message takes in addition to its content, in bytes.
const queuedOverhead = 64

// newOutbox returns an empty outbox. The caller must call run on a goroutine of its own.
func newOutbox(overflow func()) *outbox {
	return &outbox{overflow: overflow, wake: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{})}
}

// push appends a message and drops the oldest messages until at most limit bytes are queued.
func (q *sendQueue) push(raw []byte, limit int, now time.Time) {
	q.messages = append(q.messages, queued{raw, now})
	q.bytes += len(raw) + queuedOverhead
	for q.bytes > limit {
		q.pop()
	}
}

// pop removes and returns the oldest message. The queue must not be empty.
func (q *sendQueue) pop() queued {
	m := q.messages[0]
	q.messages[0] = queued{}
	q.messages = q.messages[1:]
	q.bytes -= len(m.raw) + queuedOverhead
	return m
}

// clear drops all messages.
func (q *sendQueue) clear() { q.messages, q.bytes = nil, 0 }

// open makes the outbox send the messages of one queue on c. The label of c determines the queue. window returns SCTP's
// congestion window in bytes.
func (o *outbox) open(c channel, window func() uint64) {
	o.mu.Lock()
	switch c.Label() {
	case reliableLabel:
		o.reliable.to, o.reliable.window = c, window
		o.startBackpressureLocked()
	case lossyLabel:
		o.lossy.to, o.lossy.window = c, window
	case dataTrackLabel:
		o.frames.to, o.frames.window = c, window
	}
	o.mu.Unlock()
	c.OnBufferedAmountLow(o.wakeUp)
	o.wakeUp()
}

// wakeUp makes the goroutine of run check the queues.
func (o *outbox) wakeUp() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// put queues a reliable message. If the queue is full and the channel is open, it closes o and calls overflow.
func (o *outbox) put(raw []byte) {
	now := time.Now()
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return
	}
	over := false
	if o.reliable.to == nil {
		o.reliable.push(raw, maxReliableBytes, now)
	} else if over = o.reliable.bytes+len(raw)+queuedOverhead > maxReliableBytes; !over {
		o.reliable.push(raw, maxReliableBytes, now)
		o.startBackpressureLocked()
	}
	if over {
		o.closeLocked() // later messages must not be sent after a gap
	}
	o.mu.Unlock()
	if over {
		o.overflow()
		return
	}
	o.wakeUp()
}

// startBackpressureLocked starts backpressure if the reliable queue exceeds highWater. The caller holds mu.
func (o *outbox) startBackpressureLocked() {
	if o.backpressure == nil && o.reliable.bytes > highWater {
		o.backpressure, o.backpressureSince = make(chan struct{}), time.Now()
	}
}

// putLossy queues a message that is useless if it is late. It is dropped if the channel is not open.
func (o *outbox) putLossy(raw []byte) { o.putLossyTo(&o.lossy, raw) }

// putFrame queues a packet of a data track like a lossy message.
func (o *outbox) putFrame(raw []byte) { o.putLossyTo(&o.frames, raw) }

// putLossyTo queues a lossy message in q.
func (o *outbox) putLossyTo(q *sendQueue, raw []byte) {
	o.mu.Lock()
	if q.to == nil || o.closed {
		o.mu.Unlock()
		return
	}
	q.push(raw, maxLossyBytes, time.Now())
	o.mu.Unlock()
	o.wakeUp()
}

// waitBackpressure waits until the backpressure ends, for at most maxBackpressureWait. If soleReceiver is true, the
// client is the sender's only recipient; it then waits as long as the client takes at least one message in each
// maxStall. It returns early when ctx, the sender's context, ends.
func (o *outbox) waitBackpressure(ctx context.Context, soleReceiver bool) {
	for {
		o.mu.Lock()
		backpressure, until := o.backpressure, o.backpressureSince.Add(maxBackpressureWait)
		if soleReceiver {
			until = o.lastTaken.Add(maxStall)
			if o.lastTaken.Before(o.backpressureSince) {
				until = o.backpressureSince.Add(maxStall)
			}
		}
		o.mu.Unlock()
		left := time.Until(until)
		if backpressure == nil || left <= 0 {
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-backpressure:
		case <-timer.C: // the client may have taken a message in the meantime
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// takeOver closes the outbox old. o continues with the channels of old and with its queued reliable messages. Lossy
// messages are dropped.
func (o *outbox) takeOver(old *outbox) {
	old.mu.Lock()
	queues := []sendQueue{old.reliable, old.lossy, old.frames}
	after := old.predecessorDone
	if old.running {
		after = old.ended // run may still be sending the message before the first queued one
	}
	if old.closed {
		queues[0].messages, queues[0].bytes = nil, 0
	} else {
		old.reliable.clear() // so that closing does not drop the messages, which o has now
		old.closeLocked()
	}
	old.mu.Unlock()
	queues[1].clear()
	queues[2].clear()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reliable, o.lossy, o.frames = queues[0], queues[1], queues[2]
	o.predecessorDone = after
	o.startBackpressureLocked()
	for _, q := range queues {
		if q.to != nil {
			q.to.OnBufferedAmountLow(o.wakeUp)
		}
	}
	o.wakeUp()
}

// close drops the queued messages and makes run return. It may be called more than once.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.closeLocked()
	}
}

// closeLocked closes an outbox that is not closed yet. The caller holds mu.
func (o *outbox) closeLocked() {
	o.closed = true
	close(o.done)
	for _, q := range []*sendQueue{&o.reliable, &o.lossy, &o.frames} {
		q.clear()
	}
	if o.backpressure != nil {
		close(o.backpressure)
		o.backpressure = nil
	}
}

// run sends the queued messages until close is called. Lossy messages have priority over reliable ones.
func (o *outbox) run() {
	defer close(o.ended)
	o.mu.Lock()
	o.running = true
	after := o.predecessorDone
	o.mu.Unlock()
	if after != nil {
		<-after
	}
	queues := []*sender{
		{o: o, q: &o.frames, lossy: true},
		{o: o, q: &o.lossy, lossy: true},
		{o: o, q: &o.reliable, limit: maxInFlight},
	}
	for {
		sent := false
		for _, s := range queues {
			if sent = s.send(); sent {
				break
			}
		}
		if sent {
			continue
		}
		select {
		case <-o.wake:
		case <-o.done:
			return
		}
	}
}

// sender passes the messages of one queue to the queue's channel. Only run uses it.
type sender struct {
	o        *outbox
	q        *sendQueue
	lossy    bool
	limit    uint64    // maximum number of bytes buffered inside SCTP
	windowAt time.Time // time when limit was last computed from the congestion window
}

// send passes one message to the channel and reports whether it has done so. It returns false if there is no message
// or no channel, or if SCTP has already buffered as many bytes as the sender's limit.
func (s *sender) send() bool {
	s.o.mu.Lock()
	to, window, waiting := s.q.to, s.q.window, len(s.q.messages)
	s.o.mu.Unlock()
	if to == nil || waiting == 0 {
		return false
	}
	now := time.Now()
	if s.lossy && now.Sub(s.windowAt) > windowAge {
		s.limit, s.windowAt = max(window(), minWindow), now
	}
	if to.BufferedAmount() >= s.limit {
		// Pion calls wakeUp when the buffered amount falls below the threshold. It may have fallen below it just
		// before.
		to.SetBufferedAmountLowThreshold(s.limit / 2)
		if to.BufferedAmount() > s.limit/2 {
			return false
		}
	}
	raw := s.o.dequeue(s.q, s.lossy, now)
	if raw == nil {
		return false
	}
	// Send fails when the connection is ending, or if the message is larger than the client's own maximum.
	// Neither is an error of this server.
	_ = to.Send(raw)
	return true
}

// dequeue removes and returns the next message of q, or nil if there is none. It drops lossy messages older than
// maxLossyAge.
func (o *outbox) dequeue(q *sendQueue, lossy bool, now time.Time) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(q.messages) > 0 {
		m := q.pop()
		if lossy && now.Sub(m.at) > maxLossyAge {
			continue
		}
		if !lossy {
			o.lastTaken = now
			if o.backpressure != nil && o.reliable.bytes <= highWater/2 {
				close(o.backpressure)
				o.backpressure = nil
			}
		}
		return m.raw
	}
	return nil
}
