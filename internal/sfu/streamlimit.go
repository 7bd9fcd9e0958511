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

// Limits on the streams that a client opens on one connection. For each SSRC, pion stores about 2 kB for media until
// the connection ends. After the first packet, it stores another 2 kB for feedback. A publication of three layers with
// retransmissions has up to twelve such streams. Undeclared SSRCs cannot simply be refused, because browsers do not
// declare the SSRCs of simulcast layers.
const (
	streamBurst = 1024 // at any time
	streamRate  = 4    // more per second
	maxStreams  = 8192 // in total
	// maxUnread and maxUnreadRTCP limit the unread bytes of all streams of a connection together. The limits exist
	// because streams that belong to no track are never read. When a limit is reached, a packet is stored only if its
	// own stream has less than freeUnread unread bytes. Such a stream is being read, or it has just begun.
	maxUnread     = 4 << 20
	maxUnreadRTCP = 256 << 10
	freeUnread    = 16 << 10
)

// streamLimit limits the streams of one connection.
type streamLimit struct {
	onOverflow func() // called once, when the limit is exceeded; may be nil

	mu       sync.Mutex
	bucket   *tokens.Limiter // token bucket for new streams
	count    int             // streams admitted
	exceeded bool            // no more streams are admitted
}

// newStreamLimit returns the limit for a connection without streams.
func newStreamLimit(onOverflow func()) streamLimit {
	return streamLimit{onOverflow: onOverflow, bucket: tokens.NewLimiter(streamRate, streamBurst)}
}

// admit reports whether one more stream is allowed, and if so, counts it. After it has returned false once, it always
// returns false.
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

// discard is the buffer of a stream beyond the limit. It drops all packets.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func (discard) Read([]byte) (int, error) { return 0, io.EOF }

func (discard) Close() error { return nil }

// unreadBytes counts the unread bytes in several buffers.
type unreadBytes struct {
	limit int64
	bytes atomic.Int64
}

// sharedBuffer is a packet buffer whose unread bytes count towards a total that several buffers share.
type sharedBuffer struct {
	*packetio.Buffer
	total *unreadBytes
	bytes atomic.Int64 // this buffer's part of total
}

// newSharedBuffer returns an empty buffer for at most limit bytes.
func newSharedBuffer(limit int, total *unreadBytes) *sharedBuffer {
	b := &sharedBuffer{Buffer: packetio.NewBuffer(), total: total}
	b.SetLimitSize(limit)
	return b
}

// Write appends one packet. It returns packetio.ErrFull and drops the packet if the buffer is full. It does the same if
// the total is full and the buffer has at least freeUnread unread bytes.
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

// Read waits for a packet and copies it to dst. A packet that does not fit is lost.
func (b *sharedBuffer) Read(dst []byte) (int, error) {
	n, err := b.Buffer.Read(dst)
	size := int64(n)
	if errors.Is(err, io.ErrShortBuffer) { // the packet's size is unknown: compute it from the sizes before and after
		size = b.bytes.Load() - int64(b.Size())
	}
	b.release(size)
	return n, err
}

// Close makes reads end, and subtracts the unread bytes from the total.
func (b *sharedBuffer) Close() error {
	err := b.Buffer.Close()
	b.release(b.bytes.Load())
	return err
}

// release subtracts size bytes from the buffer and the total, but never more than the buffer has: a reader may still
// get packets after Close has released them.
func (b *sharedBuffer) release(size int64) {
	if left := b.bytes.Add(-size); left < 0 {
		b.bytes.Add(-left)
		size += left
	}
	b.total.bytes.Add(-size)
}
