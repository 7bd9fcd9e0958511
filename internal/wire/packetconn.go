package wire

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// defaultBatchDelay catches the packets of a video frame, which a publisher sends in one burst. On an idle
	// machine a timer takes up to a millisecond more; still far below what a jitter buffer notices.
	defaultBatchDelay = 200 * time.Microsecond
	// busyBatch is a batch large enough to expect more: a packet for each of a few dozen subscribers.
	busyBatch = 32
	// defaultBuffer holds about 50 ms of 1 Gbit/s, so a pause of the collector or the scheduler loses nothing.
	defaultBuffer = 8 << 20
	// maxDatagram is the largest UDP payload over IPv4.
	maxDatagram = 65507
)

var errTooLong = errors.New("the packet is longer than a datagram can be")

// Options tunes a PacketConn. The zero value is right for a server.
type Options struct {
	BatchDelay  time.Duration // how long a busy socket waits for more packets, 200 us when 0
	ReadBuffer  int           // bytes asked of the kernel, 8 MiB when 0
	WriteBuffer int           // bytes asked of the kernel, 8 MiB when 0
	NoOffload   bool          // neither UDP_SEGMENT nor UDP_GRO, for measuring and for drivers that lie
}

// Stats counts since the start. Packets over Calls is how many shared a system call.
type Stats struct {
	PacketsIn, BytesIn, CallsIn    uint64
	PacketsOut, BytesOut, CallsOut uint64
	Dropped                        uint64 // refused by the kernel, or not taken in time by a peer connection
	RateLimited                    uint64 // requests of STUN and TURN that came too fast
	Offload                        bool   // packets leave in segmented runs
}

// PacketConn is a UDP socket that gathers what is written to it. Its methods may be called from any goroutine.
type PacketConn struct {
	udp        *net.UDPConn
	batchDelay time.Duration

	in   reader
	out  sender // guarded by sendMu
	stun atomic.Pointer[STUNConn]

	sendMu sync.Mutex

	mu     sync.Mutex
	batch  *batch
	spare  *batch // the other one; nil only while it is being sent
	closed bool

	wake chan struct{} // capacity 1: the batch is no longer empty
	done chan struct{}
	work sync.WaitGroup

	packetsOut, callsOut, dropped atomic.Uint64
	rateLimited                   atomic.Uint64
	packetsIn, callsIn            atomic.Uint64
	bytesIn, bytesOut             atomic.Uint64
}

// New takes over conn; closing the PacketConn closes it.
func New(conn *net.UDPConn, opts Options) (*PacketConn, error) {
	if opts.BatchDelay == 0 {
		opts.BatchDelay = defaultBatchDelay
	}
	if opts.ReadBuffer == 0 {
		opts.ReadBuffer = defaultBuffer
	}
	if opts.WriteBuffer == 0 {
		opts.WriteBuffer = defaultBuffer
	}
	// Best effort: the kernel's own limit may be lower, which costs packets only under stress.
	_ = conn.SetReadBuffer(opts.ReadBuffer)
	_ = conn.SetWriteBuffer(opts.WriteBuffer)
	c := &PacketConn{
		udp: conn, batchDelay: opts.BatchDelay, batch: newBatch(), spare: newBatch(),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if err := c.in.init(conn, opts.NoOffload); err != nil {
		return nil, fmt.Errorf("prepare to read packets: %w", err)
	}
	if err := c.out.init(conn, opts.NoOffload); err != nil {
		return nil, fmt.Errorf("prepare to write packets: %w", err)
	}
	c.work.Go(c.flushAll) // ends with done
	return c, nil
}

// ReadFromAddrPort reads one packet without allocating. What is the Aside's goes there.
func (c *PacketConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := c.in.read(b, &c.packetsIn, &c.callsIn)
		c.bytesIn.Add(uint64(n))
		if err != nil || !c.stun.Load().intercept(b[:n], from) {
			return n, from, err
		}
	}
}

// ReadFrom reads one packet.
func (c *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo queues one packet; b may be reused at once.
func (c *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	addr, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("write to %v: not a UDP address", to)
	}
	return c.WriteToAddrPort(b, addr.AddrPort())
}

// WriteToAddrPort queues one packet without allocating; b may be reused at once. It waits only when the batch is
// full and the network does not take it.
func (c *PacketConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	to = unmapped(to)
	if !to.Addr().IsValid() || len(b) > maxDatagram {
		if len(b) > maxDatagram {
			return 0, errTooLong
		}
		return 0, net.InvalidAddrError("no address to write to")
	}
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return 0, net.ErrClosed
		}
		first := c.batch.empty()
		added := c.batch.add(b, to)
		c.mu.Unlock()
		if !added {
			c.flush()
			continue
		}
		if first {
			select {
			case c.wake <- struct{}{}:
			default: // the flusher is on its way
			}
		}
		return len(b), nil
	}
}

// flushAll sends batch after batch until the connection closes.
func (c *PacketConn) flushAll() {
	for busy := false; ; {
		select {
		case <-c.done:
			return
		case <-c.wake:
		}
		if busy {
			time.Sleep(c.batchDelay)
		} else {
			c.yield()
		}
		busy = c.flush() >= busyBatch
	}
}

// yield lets other goroutines run for as long as they add packets, at most c.gather.
func (c *PacketConn) yield() {
	start, before := time.Now(), 0
	for {
		c.mu.Lock()
		n := c.batch.len()
		c.mu.Unlock()
		if n <= before || time.Since(start) > c.batchDelay {
			return
		}
		before = n
		runtime.Gosched()
	}
}

// flush sends what is queued and returns how many packets that was. Batches are sent in the order in which they
// were filled.
func (c *PacketConn) flush() int {
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	c.mu.Lock()
	b := c.batch
	if b.empty() {
		c.mu.Unlock()
		return 0
	}
	c.batch, c.spare = c.spare, nil
	c.mu.Unlock()

	calls, dropped := c.out.send(b)
	c.callsOut.Add(uint64(calls))
	c.dropped.Add(uint64(dropped))
	n := b.len()
	c.packetsOut.Add(uint64(n - dropped))
	c.bytesOut.Add(uint64(len(b.bytes)))
	b.reset()

	c.mu.Lock()
	c.spare = b
	c.mu.Unlock()
	return n
}

// Stats is what has been counted so far.
func (c *PacketConn) Stats() Stats {
	return Stats{
		PacketsIn: c.packetsIn.Load(), BytesIn: c.bytesIn.Load(), CallsIn: c.callsIn.Load(),
		PacketsOut: c.packetsOut.Load(), BytesOut: c.bytesOut.Load(), CallsOut: c.callsOut.Load(),
		Dropped: c.dropped.Load(), RateLimited: c.rateLimited.Load(), Offload: c.out.offload.Load(),
	}
}

// LocalAddr is the socket's address, a *net.UDPAddr.
func (c *PacketConn) LocalAddr() net.Addr { return c.udp.LocalAddr() }

// SetReadDeadline limits reads.
func (c *PacketConn) SetReadDeadline(t time.Time) error { return c.udp.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes only queue, and one writer's deadline must not lose another's packets.
func (c *PacketConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline limits reads.
func (c *PacketConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// Close sends what is queued, closes the socket and waits for the flusher.
func (c *PacketConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	close(c.done)
	// A network that takes nothing must not hold up the end of the program.
	_ = c.udp.SetWriteDeadline(time.Now().Add(time.Second))
	c.flush()
	err := c.udp.Close()
	c.work.Wait()
	return err
}
