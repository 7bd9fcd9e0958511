package rtc

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// fakeChannel is a data channel whose peer acknowledges bytes only when the test calls read.
type fakeChannel struct {
	label string

	mu       sync.Mutex
	sent     []string
	buffered uint64
	low      uint64
	onLow    func()
	stop     chan struct{} // if not nil, the first Send blocks until it is closed
}

// Label returns the label.
func (c *fakeChannel) Label() string { return c.label }

// Send stores b and adds its length to the buffered amount.
func (c *fakeChannel) Send(b []byte) error {
	c.mu.Lock()
	stop := c.stop
	c.stop = nil
	c.mu.Unlock()
	if stop != nil {
		<-stop
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, string(b))
	c.buffered += uint64(len(b))
	return nil
}

// BufferedAmount returns the number of bytes that the method read has not removed yet.
func (c *fakeChannel) BufferedAmount() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buffered
}

// SetBufferedAmountLowThreshold sets the threshold: when the buffered amount falls to n bytes, the callback is
// called.
func (c *fakeChannel) SetBufferedAmountLowThreshold(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.low = n
}

// OnBufferedAmountLow sets the callback. It is called by the method read.
func (c *fakeChannel) OnBufferedAmountLow(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onLow = f
}

// read removes up to n bytes from the buffered amount, like an acknowledgement by the peer, and calls the callback if
// the amount falls to the threshold.
func (c *fakeChannel) read(n uint64) {
	c.mu.Lock()
	before := c.buffered
	c.buffered -= min(n, c.buffered)
	low := before > c.low && c.buffered <= c.low
	f := c.onLow
	c.mu.Unlock()
	if low {
		f()
	}
}

// got returns the messages sent so far.
func (c *fakeChannel) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.sent...)
}

// outboxTest is an outbox that records whether overflow was called.
type outboxTest struct {
	*outbox
	overflowed bool
}

// withOutbox runs f with an outbox, in virtual time (testing/synctest).
func withOutbox(t *testing.T, f func(t *testing.T, o *outboxTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := &outboxTest{}
		o.outbox = newOutbox(func() { o.overflowed = true })
		go o.run() // ends with close
		f(t, o)
		o.close()
		synctest.Wait()
	})
}

// queuedBytes returns the size of the queue q.
func (o *outboxTest) queuedBytes(q *sendQueue) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return q.bytes
}

// zeroWindow returns the congestion window of a connection that currently carries nothing: 0.
func zeroWindow() uint64 { return 0 }

// chunk returns a message of 16 KiB that begins with the number n.
func chunk(n int) []byte {
	return []byte(fmt.Sprintf("%08d", n) + strings.Repeat(".", 16<<10-8))
}

// queuedChunkSize is the size that a message made by chunk has in a queue.
const queuedChunkSize = 16<<10 + queuedOverhead

// numbers returns the number at the beginning of each message. It requires messages made by chunk.
func numbers(t *testing.T, messages []string) []int {
	t.Helper()
	var list []int
	for _, m := range messages {
		var n int
		if _, err := fmt.Sscanf(m[:8], "%d", &n); err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}

// inOrder reports whether list contains consecutive numbers, beginning with the number first.
func inOrder(list []int, first int) bool {
	for i, n := range list {
		if n != first+i {
			return false
		}
	}
	return true
}

// While a client is connecting, messages for it are queued. When its channel opens, it gets each of them once and in
// order.
func TestReliableDataWaitsUntilTheDataChannelOpens(t *testing.T) {
	withOutbox(t, func(t *testing.T, o *outboxTest) {
		for i := range 20 {
			o.put(chunk(i))
		}
		c := &fakeChannel{label: reliableLabel}
		o.open(c, zeroWindow)
		for i := range 20 {
			o.put(chunk(20 + i))
			c.read(1 << 20)
			synctest.Wait()
		}
		c.read(1 << 20)
		synctest.Wait()
		if got := numbers(t, c.got()); len(got) != 40 || !inOrder(got, 0) {
			t.Errorf("arrived: %v", got)
		}
	})
}

// While the channel is closed, the oldest messages are dropped. There is no backpressure and the client is not
// disconnected.
func TestDataMessagesQueuedBeforeTheChannelOpensAreBounded(t *testing.T) {
	withOutbox(t, func(t *testing.T, o *outboxTest) {
		const n = 2 * maxReliableBytes / queuedChunkSize
		start := time.Now()
		for i := range n {
			o.put(chunk(i))
			o.waitBackpressure(t.Context(), false)
		}
		if n := o.queuedBytes(&o.reliable); n > maxReliableBytes || o.overflowed || time.Since(start) > 0 {
			t.Errorf("%d bytes wait, overflowed %v, after %v", n, o.overflowed, time.Since(start))
		}
		c := &fakeChannel{label: reliableLabel}
		o.open(c, zeroWindow)
		for len(c.got()) < maxReliableBytes/queuedChunkSize {
			c.read(1 << 20)
			synctest.Wait()
		}
		if got := numbers(t, c.got()); !inOrder(got, n-maxReliableBytes/queuedChunkSize) || got[len(got)-1] != n-1 {
			t.Errorf("arrived: %d to %d", got[0], got[len(got)-1])
		}
	})
}

// A sender cannot send faster than its only recipient reads. No message is lost and the queue stays short.
func TestDataSenderIsSlowedToTheSpeedOfItsOnlyRecipient(t *testing.T) {
	withOutbox(t, func(t *testing.T, o *outboxTest) {
		c := &fakeChannel{label: reliableLabel}
		o.open(c, zeroWindow)
		const n = 4000 // 64 MB
		ended := make(chan struct{})
		go func() { // the reader takes 1 MB each second; ends when all has arrived
			defer close(ended)
			for len(c.got()) < n {
				time.Sleep(10 * time.Millisecond)
				c.read(10_000)
			}
		}()
		for i := range n {
			o.put(chunk(i))
			o.waitBackpressure(t.Context(), true)
			if n := o.queuedBytes(&o.reliable); n > highWater+queuedChunkSize {
				t.Fatalf("%d bytes wait", n)
			}
		}
		<-ended
		if got := numbers(t, c.got()); len(got) != n || !inOrder(got, 0) || o.overflowed {
			t.Errorf("%d arrived, overflowed %v", len(got), o.overflowed)
		}
	})
}

// A recipient that reads nothing delays a sender once, for a bounded time, and is then disconnected.
func TestDataRecipientThatStopsReadingIsDisconnected(t *testing.T) {
	for _, c := range []struct {
		soleRecipient bool
		want          time.Duration
	}{{false, maxBackpressureWait}, {true, maxStall}} {
		withOutbox(t, func(t *testing.T, o *outboxTest) {
			o.open(&fakeChannel{label: reliableLabel}, zeroWindow)
			start := time.Now()
			sent := 0
			for ; !o.overflowed; sent++ {
				o.put(chunk(sent))
				o.waitBackpressure(t.Context(), c.soleRecipient)
			}
			if waited := time.Since(start); waited != c.want {
				t.Errorf("sole recipient %v: the sender waited for %v, want %v", c.soleRecipient, waited, c.want)
			}
			if bytes := sent * queuedChunkSize; bytes < maxReliableBytes || bytes > maxReliableBytes+2*maxInFlight {
				t.Errorf("disconnected after %d bytes", bytes)
			}
			if o.queuedBytes(&o.reliable) != 0 {
				t.Error("the queue was not cleared")
			}
			o.put(chunk(0)) // has no effect on a closed outbox
		})
	}
}

// A sender that waits for a slow recipient stops waiting when the sender or the recipient leaves.
func TestDataBackpressureEndsWhenSenderOrRecipientLeaves(t *testing.T) {
	for _, leave := range []func(cancel func(), o *outboxTest){
		func(cancel func(), _ *outboxTest) { cancel() },
		func(_ func(), o *outboxTest) { o.close() },
	} {
		withOutbox(t, func(t *testing.T, o *outboxTest) {
			o.open(&fakeChannel{label: reliableLabel}, zeroWindow)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for i := range 2 * highWater >> 14 {
				o.put(chunk(i))
			}
			start := time.Now()
			time.AfterFunc(time.Second, func() { leave(cancel, o) })
			o.waitBackpressure(ctx, true)
			if waited := time.Since(start); waited != time.Second {
				t.Errorf("waited for %v", waited)
			}
		})
	}
}

// Lossy messages are never sent late, and they are dropped before the channel opens.
func TestLateLossyDataMessagesAreDropped(t *testing.T) {
	withOutbox(t, func(t *testing.T, o *outboxTest) {
		o.putLossy(chunk(99))
		lossy, frames := &fakeChannel{label: lossyLabel}, &fakeChannel{label: dataTrackLabel}
		o.open(lossy, zeroWindow)
		o.open(frames, zeroWindow)
		for i := range 20 { // one every 20 ms, while the connection carries nothing
			o.putLossy(chunk(i))
			o.putFrame(chunk(i))
			synctest.Wait()
			time.Sleep(20 * time.Millisecond)
		}
		const sent = minWindow >> 14
		for _, c := range []*fakeChannel{lossy, frames} {
			if got := numbers(t, c.got()); len(got) != sent || !inOrder(got, 0) {
				t.Errorf("%s: before the stall %v", c.label, got)
			}
			for range 20 {
				c.read(1 << 20)
				synctest.Wait()
			}
			got := numbers(t, c.got())[sent:]
			if len(got) != 5 || !inOrder(got, 15) {
				t.Errorf("%s: after the stall %v, want the last 100 ms", c.label, got)
			}
		}
	})
}

// An outbox may still be sending a message when a new one takes over. The new outbox waits until that message is sent.
// It does so even if a third outbox took over in between and has never run.
func TestDataMessagesStayInOrderWhenAnotherOutboxTakesOver(t *testing.T) {
	for name, between := range map[string]bool{"direct successor": false, "successor of the successor": true} {
		t.Run(name, func(t *testing.T) {
			withOutbox(t, func(t *testing.T, old *outboxTest) {
				stop := make(chan struct{})
				c := &fakeChannel{label: reliableLabel, stop: stop}
				old.open(c, zeroWindow)
				for i := range 4 {
					old.put(chunk(i))
				}
				synctest.Wait() // the first message is being sent
				last := old.outbox
				if between {
					last = newOutbox(func() {})
					last.takeOver(old.outbox)
				}
				next := newOutbox(func() {})
				next.takeOver(last)
				go next.run() // ends with close
				synctest.Wait()
				close(stop)
				synctest.Wait()
				if got := numbers(t, c.got()); len(got) != 4 || !inOrder(got, 0) {
					t.Errorf("arrived: %v", got)
				}
				next.close()
			})
		})
	}
}

func TestQueueOfLossyDataMessagesIsBounded(t *testing.T) {
	withOutbox(t, func(t *testing.T, o *outboxTest) {
		c := &fakeChannel{label: lossyLabel}
		o.open(c, zeroWindow)
		const n = 3 * maxLossyBytes >> 14
		for i := range n {
			o.putLossy(chunk(i))
		}
		if n := o.queuedBytes(&o.lossy); n > maxLossyBytes {
			t.Errorf("%d bytes wait", n)
		}
		for range n {
			c.read(1 << 20)
			synctest.Wait()
		}
		if got := numbers(t, c.got()); got[len(got)-1] != n-1 {
			t.Errorf("the latest message is missing: %v", got)
		}
	})
}

// BenchmarkReliablePacketToAudience forwards a reliable packet from its sender's channel to the outboxes of an
// audience.
func BenchmarkReliablePacketToAudience(b *testing.B) {
	for _, n := range []int{2, 300} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := newHarness(b)
			r, err := h.roomFor(JoinRequest{Room: "room"})
			if err != nil {
				b.Fatal(err)
			}
			admitSubscribers(b, r, n)
			ada := bareParticipant(r, "ada", &countingSink{})
			if err := r.loop.Do(b.Context(), func() { r.admit(ada); ada.activate() }); err != nil {
				b.Fatal(err)
			}
			raw, err := proto.Marshal(&livekit.DataPacket{Value: user(strings.Repeat("x", 15_000))})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				ada.data.handleData(livekit.DataPacket_RELIABLE, raw)
			}
		})
	}
}
