package bwe

const (
	meterSlots = 10
	meterSlot  = 50_000 // µs
)

// meter is the rate over the last half second, by slots of 50 ms.
type meter struct {
	bytes [meterSlots]int64
	slot  int64 // of the latest
	first int64 // µs; 0 before anything was sent
}

func (m *meter) add(size int, at int64) {
	if m.first == 0 {
		m.first, m.slot = at, at/meterSlot
	}
	m.advance(at / meterSlot)
	m.bytes[int(m.slot%meterSlots)] += int64(size)
}

// turn empties the slots between the latest and this one.
func (m *meter) advance(slot int64) {
	if slot-m.slot >= meterSlots {
		m.bytes, m.slot = [meterSlots]int64{}, slot
	}
	for m.slot < slot {
		m.slot++
		m.bytes[int(m.slot%meterSlots)] = 0
	}
}

// rate in bits/s.
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
