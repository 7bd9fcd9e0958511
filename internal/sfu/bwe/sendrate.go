package bwe

const (
	meterSlots = 10
	meterSlot  = 50_000 // µs
)

// meter measures a bitrate over the last half second, in slots of 50 ms.
type meter struct {
	bytes [meterSlots]int64
	slot  int64 // number of the latest slot
	first int64 // time of the first packet, µs; 0: none yet
}

// add adds a packet of size bytes. at is the time when it was sent, in µs.
func (m *meter) add(size int, at int64) {
	if m.first == 0 {
		m.first, m.slot = at, at/meterSlot
	}
	m.advance(at / meterSlot)
	m.bytes[int(m.slot%meterSlots)] += int64(size)
}

// advance makes slot the latest, and clears the slots in between.
func (m *meter) advance(slot int64) {
	if slot-m.slot >= meterSlots {
		m.bytes, m.slot = [meterSlots]int64{}, slot
	}
	for m.slot < slot {
		m.slot++
		m.bytes[int(m.slot%meterSlots)] = 0
	}
}

// rate returns the bitrate in bits/s.
func (m *meter) rate(at int64) float64 {
	if m.first == 0 {
		return 0
	}
	m.advance(at / meterSlot)
	var sum int64
	for _, b := range m.bytes {
		sum += b
	}
	span := min(at-m.first, (meterSlots-1)*meterSlot+at%meterSlot)
	return float64(sum) * 8 / (float64(max(span, meterSlot)) / 1e6)
}
