package bwe

// historySize is the number of packets that are stored: a second of 20 Mbit/s. It is a power of two because the low
// bits of the sequence number are the index.
const historySize = 2048

// maxAge is the maximum time from sending to feedback in µs. Later feedback about a packet is ignored.
const maxAge = 10_000_000

// outcome is the result of sending a packet.
type outcome uint8

const (
	packetUnsent   outcome = iota // slot never used
	packetInFlight                // no feedback yet
	packetLost                    // reported as lost; later feedback may still report it as received
	packetReceived
)

// sentPacket records a packet that was sent. It is small (16 bytes), because every subscriber's connection stores a ring
// of them.
type sentPacket struct {
	sentAt  int64 // µs
	size    uint16
	seq     uint16
	probe   uint8 // id of the probe that it belongs to; 0: none
	outcome outcome
}

// history stores the latest sent packets by transport-wide sequence number.
type history struct {
	ring   []sentPacket // allocated with the first packet, because many connections send no video
	latest uint16       // sequence number
}

// add stores a packet. at is the time when it was sent, in µs.
func (h *history) add(seq uint16, size int, at int64, probe uint8) {
	if h.ring == nil {
		h.ring = make([]sentPacket, historySize)
	}
	h.ring[int(seq)%historySize] = sentPacket{sentAt: at, size: uint16(min(size, 1<<16-1)), seq: seq, probe: probe, outcome: packetInFlight}
	h.latest = seq
}

// find returns the packet with sequence number seq, nil if it was not sent within maxAge before now.
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
