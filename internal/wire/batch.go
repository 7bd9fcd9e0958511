package wire

import "net/netip"

const (
	// batchPackets and batchBytes bound a batch. One packet of 1,200 bytes for each of 400 subscribers fits into a batch.
	batchPackets = 512
	batchBytes   = 512 << 10
	// runPackets is the maximum number of packets in a run. Linux up to version 6.8 allows 64 (UDP_MAX_SEGMENTS), later
	// versions allow 128.
	runPackets = 64
	// runBytes is the maximum number of bytes in a run. The kernel accepts at most 64 KiB, including headers, in a message
	// that it has to split into packets.
	runBytes = 65000
)

// batch is a queue of packets to send, grouped into runs. Only newBatch allocates memory.
type batch struct {
	bytes     []byte // contents of all packets, in the order of add
	packets   []packet
	runs      []run
	newestRun map[netip.AddrPort]int32 // index of the newest run of each destination
}

// packet is one datagram: batch.bytes[start:end]. The packets of a run form a linked list.
type packet struct {
	start, end int32
	next       int32 // index of the next packet in the run, or -1
}

// run is a list of packets to one destination that can be sent as one message with UDP_SEGMENT: all have the same size,
// except the last one, which may be shorter. See https://docs.kernel.org/networking/segmentation-offloads.html and udp(7).
type run struct {
	to          netip.AddrPort
	first, last int32 // indexes of packets
	count       int32
	size        int32 // size in bytes of each packet except the last
	bytes       int32
	full        bool // the last packet is shorter, so no other may follow
}

// newBatch returns an empty batch.
func newBatch() *batch {
	return &batch{
		bytes:     make([]byte, 0, batchBytes),
		packets:   make([]packet, 0, batchPackets),
		runs:      make([]run, 0, batchPackets),
		newestRun: make(map[netip.AddrPort]int32, batchPackets),
	}
}

func (b *batch) empty() bool { return len(b.packets) == 0 }

func (b *batch) len() int { return len(b.packets) }

// add appends a copy of a packet to the batch and reports whether it fitted.
func (b *batch) add(data []byte, to netip.AddrPort) bool {
	if len(b.packets) == batchPackets || len(b.bytes)+len(data) > batchBytes {
		return false
	}
	size, index := int32(len(data)), int32(len(b.packets))
	start := int32(len(b.bytes))
	b.bytes = append(b.bytes, data...)
	b.packets = append(b.packets, packet{start: start, end: start + size, next: -1})
	if newest, ok := b.newestRun[to]; ok && b.runs[newest].accepts(size) {
		r := &b.runs[newest]
		b.packets[r.last].next = index
		r.last = index
		r.count++
		r.bytes += size
		r.full = size < r.size
		return true
	}
	b.newestRun[to] = int32(len(b.runs))
	b.runs = append(b.runs, run{to: to, first: index, last: index, count: 1, size: size, bytes: size})
	return true
}

// accepts reports whether a packet of size bytes can be added to the run. Each empty packet is sent in a run of its own.
func (r *run) accepts(size int32) bool {
	return !r.full && size > 0 && size <= r.size && r.count < runPackets && r.bytes+size <= runBytes
}

// reset removes all packets.
func (b *batch) reset() {
	b.bytes, b.packets, b.runs = b.bytes[:0], b.packets[:0], b.runs[:0]
	clear(b.newestRun)
}
