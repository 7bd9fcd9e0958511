package bwe

const (
	maxClusters = 4 // probes in progress
	// A probe's result counts if at least minArrivedShare of its packets, and at least minArrivedPackets, arrived.
	minArrivedShare   = 0.7
	minArrivedPackets = 4
	// maxBunching is the maximum ratio of the received to the sent bitrate. If it is higher, the path bunched the
	// packets together, and the result does not count.
	maxBunching = 2.0
	// If at least notFullShare of the sent bitrate arrives, the probe did not congest the path. Otherwise safeShare of
	// the received bitrate is the result.
	notFullShare, safeShare = 0.9, 0.95
)

// cluster is a bandwidth probe: packets sent in a burst at a known bitrate, to measure the bitrate at which they
// arrive.
type cluster struct {
	id    uint8  // 0: slot is free
	open  bool   // more packets will be sent
	last  uint16 // sequence number of the latest packet
	sent  span   // of sending
	got   span   // of arrival
	count int    // packets sent
}

// span describes a series of packets by their number, their sizes, and the times of the first and the last one in µs.
type span struct {
	first, last         int64
	firstSize, lastSize int // size of the first and last packet in bytes
	bytes, packets      int // totals
}

// add adds a packet of size bytes, which was sent or arrived at the time at, in µs.
func (s *span) add(size int, at int64) {
	if s.packets == 0 || at < s.first {
		s.first, s.firstSize = at, size
	}
	if s.packets == 0 || at >= s.last {
		s.last, s.lastSize = at, size
	}
	s.bytes += size
	s.packets++
}

// rate returns the bitrate in bits/s over the span, or 0 for a span without duration. excluded is the size in bytes of
// the packet that was transmitted outside the span. When packets are sent, that is the last one. When they arrive, it
// is the first one.
func (s *span) rate(excluded int) float64 {
	if s.last <= s.first {
		return 0
	}
	return float64(s.bytes-excluded) * 8 / (float64(s.last-s.first) / 1e6)
}

// clusters holds the probes in progress.
type clusters [maxClusters]cluster

// begin starts probe id, in place of an older one.
func (c *clusters) begin(id uint8) {
	c[int(id)%maxClusters] = cluster{id: id, open: true}
}

// find returns probe id, nil if it is not in progress.
func (c *clusters) find(id uint8) *cluster {
	if p := &c[int(id)%maxClusters]; id != 0 && p.id == id {
		return p
	}
	return nil
}

// sent records that a packet of probe id was sent. at is the time in µs.
func (c *clusters) sent(id uint8, seq uint16, size int, at int64) {
	if p := c.find(id); p != nil && p.open {
		p.sent.add(size, at)
		p.last = seq
		p.count++
	}
}

// arrived records the arrival of a packet of probe id. at is the time in µs.
func (c *clusters) arrived(id uint8, size int, at int64) {
	if p := c.find(id); p != nil {
		p.got.add(size, at)
	}
}

// done removes the probes for which feedback has reported all packets. seq is the highest sequence number reported.
// done returns the highest bitrate that these probes proved, 0 if none.
func (c *clusters) done(seq uint16) (rate float64) {
	for i := range c {
		p := &c[i]
		if p.id == 0 || p.open || int16(seq-p.last) < 0 {
			continue
		}
		rate = max(rate, p.provenRate())
		*p = cluster{}
	}
	return rate
}

// provenRate returns the bitrate that the probe proved, 0 if it proved nothing.
func (c *cluster) provenRate() float64 {
	if c.got.packets < minArrivedPackets || float64(c.got.packets) < minArrivedShare*float64(c.count) {
		return 0
	}
	// The time span starts with the first arrival and ends with the last departure, so exclude the size of those packets.
	sent, got := c.sent.rate(c.sent.lastSize), c.got.rate(c.got.firstSize)
	// Lost packets did not take time on the bottleneck, so only the received ones count.
	if got == 0 || sent == 0 || got > maxBunching*sent {
		return 0
	}
	if got < notFullShare*sent {
		return safeShare * got
	}
	return min(sent, got)
}
