package sfu

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v4/packetio"
	tokens "golang.org/x/time/rate"
)

// Bounds of the streams of one connection that its client chooses. Pion keeps some 2 kB for each SSRC that the client
// sends media with, and as much for each that it sends feedback about, until the connection ends; it opens the second along
// with the first. So a publication of three layers, with their retransmissions, takes up to twelve streams. Their SSRCs are
// not known before: browsers do not declare those of simulcast layers.
const (
	streamBurst = 1024 // at once
	streamRate  = 4    // more, each second
	maxStreams  = 8192 // in all
	// maxUnread and maxUnreadRTCP bound what waits to be read of all streams together, in bytes. Nobody reads one that
	// belongs to no track. A stream of which less than freeUnread waits is not concerned: somebody reads it.
	maxUnread     = 4 << 20
	maxUnreadRTCP = 256 << 10
	freeUnread    = 16 << 10
)

// streamLimit bounds the streams of one connection.
type streamLimit struct {
	onOverflow func()

	mu       sync.Mutex
	bucket   *tokens.Limiter
	count    int
	exceeded bool
}

func newStreamLimit(onOverflow func()) streamLimit {
	return streamLimit{onOverflow: onOverflow, bucket: tokens.NewLimiter(streamRate, streamBurst)}
}

// admit reports whether there may be one more stream.
func (l *streamLimit) admit(now time.Time) bool {
	l.mu.Lock()
	ok := !l.exceeded && l.count < maxStreams && l.bucket.AllowN(now, 1)
	first := !ok && !l.exceeded
	if ok {
		l.count++
	}
	l.exceeded = l.exceeded || !ok
	l.mu.Unlock()
	if first && l.onOverflow != nil {
		l.onOverflow()
	}
	return ok
}

// discard is the buffer of a stream beyond the limit.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func (discard) Read([]byte) (int, error) { return 0, io.EOF }

func (discard) Close() error { return nil }

// unread counts the bytes that wait in several buffers.
type unreadBytes struct {
	limit int64
	bytes atomic.Int64
}

// sharedBuffer is a packet buffer whose bytes count among those of others.
type sharedBuffer struct {
	*packetio.Buffer
	total *unreadBytes
	bytes atomic.Int64 // of total
}

func newSharedBuffer(limit int, total *unreadBytes) *sharedBuffer {
	b := &sharedBuffer{Buffer: packetio.NewBuffer(), total: total}
	b.SetLimitSize(limit)
	return b
}

// Write queues one packet; packetio.ErrFull says that it was dropped.
func (b *sharedBuffer) Write(packet []byte) (int, error) {
	size := int64(len(packet))
	if b.total.bytes.Add(size) > b.total.limit && b.bytes.Load() >= freeUnread {
		b.total.bytes.Add(-size)
		return 0, packetio.ErrFull
	}
	b.bytes.Add(size)
	n, err := b.Buffer.Write(packet)
	if err != nil {
		b.release(size)
	}
	return n, err
}

// Read waits for a packet. One that does not fit into to is lost.
func (b *sharedBuffer) Read(to []byte) (int, error) {
	n, err := b.Buffer.Read(to)
	size := int64(n)
	if errors.Is(err, io.ErrShortBuffer) { // how long the packet was is not known
		size = b.bytes.Load() - int64(b.Size())
	}
	b.release(size)
	return n, err
}

// Close ends reads. What still waits counts no more.
func (b *sharedBuffer) Close() error {
	err := b.Buffer.Close()
	b.release(b.bytes.Load())
	return err
}

// release gives back the room of size bytes, of no more than there are: after Close a reader may still get what waited.
func (b *sharedBuffer) release(size int64) {
	if left := b.bytes.Add(-size); left < 0 {
		b.bytes.Add(-left)
		size += left
	}
	b.total.bytes.Add(-size)
}
