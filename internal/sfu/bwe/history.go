package bwe

// historySize is how many packets may be under way before the oldest is forgotten: a second of 20 Mbit/s. A power of two,
// for the index.
const historySize = 2048

// maxAge is how long a packet may be under way and still be believed to have arrived, in µs.
const maxAge = 10_000_000

// fate is what is known of a packet that was sent.
type outcome uint8

const (
	packetUnsent outcome = iota
	packetInFlight
	packetLost // reported as not arrived; it may still be reported to have come late
	packetReceived
)

// packet is one that was sent. Sixteen bytes, because every subscriber has a ring of them.
type sentPacket struct {
	sentAt  int64 // µs
	size    uint16
	seq     uint16
	probe   uint8
	outcome outcome
}

// history remembers what was sent, by transport-wide sequence number.
type history struct {
	ring   []sentPacket // made with the first packet: most of an audience's connections of a small room never need it
	latest uint16       // sequence number
}

func (h *history) add(seq uint16, size int, at int64, probe uint8) {
	if h.ring == nil {
		h.ring = make([]sentPacket, historySize)
	}
	h.ring[int(seq)%historySize] = sentPacket{sentAt: at, size: uint16(min(size, 1<<16-1)), seq: seq, probe: probe, outcome: packetInFlight}
	h.latest = seq
}

// find returns the packet numbered seq, nil if it was not sent lately.
func (h *history) find(seq uint16, now int64) *sentPacket {
	if h.ring == nil {
		return nil
	}
	p := &h.ring[int(seq)%historySize]
	if p.outcome == packetUnsent || p.seq != seq || now-p.sentAt > maxAge {
		return nil
	}
	return p
}
