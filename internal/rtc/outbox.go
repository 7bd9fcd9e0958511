package rtc

import (
	"context"
	"sync"
	"time"
)

const (
	// maxReliableBytes bounds the reliable messages that wait for one client, in bytes. Beyond it a client that has read before
	// is cut off; for a client whose channel is not open yet the oldest are dropped, as if it had joined later. Clients
	// share the memory of a message.
	maxReliableBytes = 8 << 20
	// highWater is the number of bytes from which on senders to a client are held back, until half of them are gone.
	highWater = 1 << 20
	// maxBackpressureWait is how long a slow client may hold back a sender that sends to others as well; maxStall is how long the
	// only receiver of a sender may take nothing. After that its messages wait, up to maxReliableBytes.
	maxBackpressureWait = 5 * time.Second
	maxStall            = 30 * time.Second
	// maxInFlight bounds the reliable bytes inside SCTP, which copies them for each client: enough for 40 Mbit/s with a
	// round trip of 100 ms.
	maxInFlight = 512 << 10

	// Lossy messages wait no longer than maxLossyAge, because later they are of no use (docs/protocol.md, 6.6). maxLossyBytes
	// bounds them in bytes; the oldest are dropped.
	maxLossyAge   = 100 * time.Millisecond
	maxLossyBytes = 1 << 20
	// minWindow is the least number of bytes that SCTP gets: its congestion window begins very small, and grows only while
	// something waits for it. At 1 Mbit/s that much leaves within little more than maxLossyAge. windowAge is how long a
	// measured window is used.
	minWindow = 16 << 10
	windowAge = 100 * time.Millisecond
)

// channel is the part of a webrtc.DataChannel that an outbox needs.
type channel interface {
	Label() string
	Send([]byte) error
	BufferedAmount() uint64
	SetBufferedAmountLowThreshold(uint64)
	OnBufferedAmountLow(func())
}

// outbox holds what waits for one client on its data channels. Anybody may put; one goroutine, run, sends.
type outbox struct {
	overflow func()        // called when reliable messages would have to be dropped
	wake     chan struct{} // holds one token when there may be something to send
	done     chan struct{} // closed by close
	ended    chan struct{} // closed when run has returned

	mu                           sync.Mutex
	reliable                     sendQueue
	lossy                        sendQueue
	frames                       sendQueue     // of data tracks
	backpressure                 chan struct{} // not nil while the client is slow; closed when it has caught up
	backpressureSince, lastTaken time.Time     // when backpressure began, and when a reliable message was last taken
	closed                       bool
	running                      bool
	predecessorDone              chan struct{} // closed when nobody else sends on the channels any more; nil if nobody does
}

// sendQueue holds the messages that wait for one channel, the oldest first.
type sendQueue struct {
	to       channel // nil until open
	window   func() uint64
	messages []queued
	bytes    int
}

type queued struct {
	raw []byte
	at  time.Time
}

// queuedOverhead is the memory that a queued message takes besides its content, in bytes.
const queuedOverhead = 64

func newOutbox(overflow func()) *outbox {
	return &outbox{overflow: overflow, wake: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{})}
}

func (q *sendQueue) push(raw []byte, limit int, now time.Time) {
	q.messages = append(q.messages, queued{raw, now})
	q.bytes += len(raw) + queuedOverhead
	for q.bytes > limit {
		q.pop()
	}
}

func (q *sendQueue) pop() queued {
	m := q.messages[0]
	q.messages[0] = queued{}
	q.messages = q.messages[1:]
	q.bytes -= len(m.raw) + queuedOverhead
	return m
}

func (q *sendQueue) clear() { q.messages, q.bytes = nil, 0 }

// open makes c the channel for the messages with its label. window returns how many bytes the network takes without
// queueing.
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

func (o *outbox) wakeUp() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// put queues a message that has to arrive.
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
		o.closeLocked() // nothing more may go out: it would follow a gap
	}
	o.mu.Unlock()
	if over {
		o.overflow()
		return
	}
	o.wakeUp()
}

func (o *outbox) startBackpressureLocked() {
	if o.backpressure == nil && o.reliable.bytes > highWater {
		o.backpressure, o.backpressureSince = make(chan struct{}), time.Now()
	}
}

// putLossy queues a message that is of use only at once. Without an open channel it is dropped.
func (o *outbox) putLossy(raw []byte) { o.putLossyTo(&o.lossy, raw) }

// putFrame queues a packet of a data track like a lossy message.
func (o *outbox) putFrame(raw []byte) { o.putLossyTo(&o.frames, raw) }

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

// hold waits while the client is slow, within bounds. soleReceiver says that the client is the only receiver of what the caller
// sends. It returns early when ctx, the sender's, ends.
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
		case <-timer.C: // it may have moved meanwhile
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// takeOver makes o continue with old's channels, and with those of old's waiting messages that have to arrive. It ends
// old.
func (o *outbox) takeOver(old *outbox) {
	old.mu.Lock()
	queues := []sendQueue{old.reliable, old.lossy, old.frames}
	after := old.predecessorDone
	if old.running {
		after = old.ended // it may be sending the message before the first of these
	}
	if old.closed {
		queues[0].messages, queues[0].bytes = nil, 0
	} else {
		old.reliable.clear() // before close, which would take the queue's messages with it
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

// close drops what waits and ends run.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.closeLocked()
	}
}

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

// run sends until close. Lossy messages go first.
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

// sender moves messages from one queue to its channel. It belongs to run.
type sender struct {
	o        *outbox
	q        *sendQueue
	lossy    bool
	limit    uint64 // of bytes inside SCTP
	windowAt time.Time
}

// send passes one message to the channel and reports whether it did: not if there is none, or SCTP has enough for now.
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
		// Pion wakes us when the amount falls below this; it may have just now.
		to.SetBufferedAmountLowThreshold(s.limit / 2)
		if to.BufferedAmount() > s.limit/2 {
			return false
		}
	}
	raw := s.o.dequeue(s.q, s.lossy, now)
	if raw == nil {
		return false
	}
	// It fails when the connection is about to end, or for a message larger than the client takes: its own wish.
	_ = to.Send(raw)
	return true
}

// take removes the next message from q and drops those that are too old.
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
