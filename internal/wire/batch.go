package wire

import "net/netip"

const (
	// batchPackets and batchBytes bound a batch: a packet of 1,200 bytes for each of 400 subscribers.
	batchPackets = 512
	batchBytes   = 512 << 10
	// runPackets is UDP_MAX_SEGMENTS of Linux up to 6.8; later ones allow twice that.
	runPackets = 64
	// runBytes keeps a run within the 64 KiB that one message may carry, headers included.
	runBytes = 65000
)

// batch is packets waiting to be sent, grouped into runs. Nothing in it is allocated after newBatch.
type batch struct {
	bytes     []byte // the packets' contents, in order of arrival
	packets   []packet
	runs      []run
	newestRun map[netip.AddrPort]int32 // the newest run of each destination
}

// packet is one datagram inside batch.bytes, linked to the next of its run.
type packet struct {
	start, end int32
	next       int32 // index of the run's next packet, -1 for none
}

// run is packets to one destination that may travel as one message: all of one size but the last, which may be
// shorter, see https://docs.kernel.org/networking/segmentation-offloads.html and UDP_SEGMENT in udp(7).
type run struct {
	to          netip.AddrPort
	first, last int32
	count       int32
	size        int32 // of each packet
	bytes       int32
	full        bool // its last packet was shorter, so none may follow
}

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

// add copies a packet in and reports whether there was room for it.
func (b *batch) add(data []byte, to netip.AddrPort) bool {
	if len(b.packets) == batchPackets || len(b.bytes)+len(data) > batchBytes {
		return false
	}
	size, index := int32(len(data)), int32(len(b.packets))
	start := int32(len(b.bytes))
	b.bytes = append(b.bytes, data...)
	b.packets = append(b.packets, packet{start: start, end: start + size, next: -1})
	if at, ok := b.newestRun[to]; ok && b.runs[at].accepts(size) {
		r := &b.runs[at]
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

func (r *run) accepts(size int32) bool {
	return !r.full && size > 0 && size <= r.size && r.count < runPackets && r.bytes+size <= runBytes
}

func (b *batch) reset() {
	b.bytes, b.packets, b.runs = b.bytes[:0], b.packets[:0], b.runs[:0]
	clear(b.newestRun)
}
