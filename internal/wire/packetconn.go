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
	// defaultBatchDelay is the default of Options.BatchDelay. A publisher sends the packets of a video frame in one burst,
	// and the whole burst arrives within this delay. On an idle machine a timer takes up to 1 ms longer, which jitter
	// buffers still absorb.
	defaultBatchDelay = 200 * time.Microsecond
	// busyBatch is the number of packets in a batch after which the flusher waits for BatchDelay. One packet for each of a
	// few dozen subscribers makes such a batch.
	busyBatch = 32
	// defaultBuffer is the default size in bytes of the kernel's buffers. It holds the traffic of about 50 ms at 1 Gbit/s,
	// so pauses of the garbage collector or the scheduler lose no packets.
	defaultBuffer = 8 << 20
	// maxDatagram is the largest UDP payload over IPv4 in bytes.
	maxDatagram = 65507
)

var errTooLong = errors.New("wire: the packet exceeds the maximum size of a UDP datagram")

// Options configure a PacketConn. The zero value is right for a server.
type Options struct {
	BatchDelay  time.Duration // how long to wait for more packets after a large batch; 200 µs if zero
	ReadBuffer  int           // size in bytes of the kernel's receive buffer; 8 MiB if zero
	WriteBuffer int           // size in bytes of the kernel's send buffer; 8 MiB if zero
	NoOffload   bool          // do not use UDP_SEGMENT and UDP_GRO: for benchmarks, and for drivers with faulty offload
	Relays      Relays        // TURN relays inside this process; none if zero
}

// Stats are counts since the start. PacketsIn/CallsIn and PacketsOut/CallsOut are the average numbers of packets for each
// system call.
type Stats struct {
	PacketsIn, BytesIn, CallsIn    uint64
	PacketsOut, BytesOut, CallsOut uint64
	Dropped                        uint64 // packets refused by the kernel, or by the full queue of a peer connection
	RateLimited                    uint64 // STUN and TURN requests dropped by the rate limit
	Offload                        bool   // packets are sent with UDP_SEGMENT
}

// PacketConn is a UDP socket that sends packets in batches. Its methods may be called from any goroutine.
type PacketConn struct {
	udp        *net.UDPConn
	batchDelay time.Duration
	relays     Relays

	in   reader
	out  sender // guarded by sendMu
	stun atomic.Pointer[STUNConn]

	sendMu sync.Mutex

	mu     sync.Mutex
	batch  *batch
	spare  *batch // an empty batch; nil while it is being sent
	closed bool

	wake chan struct{} // capacity 1: signals that batch is no longer empty
	done chan struct{}
	work sync.WaitGroup

	packetsOut, callsOut, dropped atomic.Uint64
	rateLimited                   atomic.Uint64
	packetsIn, callsIn            atomic.Uint64
	bytesIn, bytesOut             atomic.Uint64
}

// New returns a PacketConn that uses conn. PacketConn.Close closes conn.
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
	// Best effort: if the kernel's limit is lower, packets are lost only under high load.
	_ = conn.SetReadBuffer(opts.ReadBuffer)
	_ = conn.SetWriteBuffer(opts.WriteBuffer)
	c := &PacketConn{
		udp: conn, batchDelay: opts.BatchDelay, relays: opts.Relays, batch: newBatch(), spare: newBatch(),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if err := c.in.init(conn, opts.NoOffload); err != nil {
		return nil, fmt.Errorf("prepare the UDP socket for reading: %w", err)
	}
	if err := c.out.init(conn, opts.NoOffload); err != nil {
		return nil, fmt.Errorf("prepare the UDP socket for writing: %w", err)
	}
	c.work.Go(c.flushAll) // ends when done is closed
	return c, nil
}

// ReadFromAddrPort reads one packet without allocating. Packets for the STUNConn are passed there instead. Packets with the
// address of a relay as their source are dropped, because it must be forged: relays send no packets through the socket.
func (c *PacketConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := c.in.read(b, &c.packetsIn, &c.callsIn)
		c.bytesIn.Add(uint64(n))
		if err == nil && c.relays.have(from.Addr()) {
			continue
		}
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

// WriteTo queues one packet. The caller may reuse b afterwards.
func (c *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	addr, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("write to %v: not a UDP address", to)
	}
	return c.WriteToAddrPort(b, addr.AddrPort())
}

// WriteToAddrPort queues one packet without allocating. The caller may reuse b afterwards. If the batch is full,
// WriteToAddrPort waits until that batch has been sent. Otherwise it does not wait. A packet to a relay is passed to
// Relays.Deliver instead.
func (c *PacketConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	to = unmapped(to)
	if !to.Addr().IsValid() || len(b) > maxDatagram {
		if len(b) > maxDatagram {
			return 0, errTooLong
		}
		return 0, net.InvalidAddrError("no address to write to")
	}
	if c.relays.have(to.Addr()) {
		c.relays.Deliver(b, to)
		return len(b), nil
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
			default: // the flusher has been woken already
			}
		}
		return len(b), nil
	}
}

// flushAll sends batches until the connection is closed.
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

// yield lets other goroutines run as long as they add packets to the batch, but for at most c.batchDelay.
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

// flush sends the current batch and returns its number of packets. Batches are sent in the order in which they were filled.
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

// Stats returns the counts since the start.
func (c *PacketConn) Stats() Stats {
	return Stats{
		PacketsIn: c.packetsIn.Load(), BytesIn: c.bytesIn.Load(), CallsIn: c.callsIn.Load(),
		PacketsOut: c.packetsOut.Load(), BytesOut: c.bytesOut.Load(), CallsOut: c.callsOut.Load(),
		Dropped: c.dropped.Load(), RateLimited: c.rateLimited.Load(), Offload: c.out.offload.Load(),
	}
}

// LocalAddr returns the socket's address, a *net.UDPAddr.
func (c *PacketConn) LocalAddr() net.Addr { return c.udp.LocalAddr() }

// SetReadDeadline sets the deadline of reads.
func (c *PacketConn) SetReadDeadline(t time.Time) error { return c.udp.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes only queue packets, and the deadline of one writer must not drop packets of another.
func (c *PacketConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline sets the deadline of reads.
func (c *PacketConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// Close sends the queued packets, closes the socket and waits for the flusher.
func (c *PacketConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	close(c.done)
	// A network that accepts no packets must not delay the shutdown.
	_ = c.udp.SetWriteDeadline(time.Now().Add(time.Second))
	c.flush()
	err := c.udp.Close()
	c.work.Wait()
	return err
}
