package bwe

const (
	maxClusters = 4 // under way at once
	// A probe's rate is trusted when at least this share of its packets, and so many, arrived.
	minArrivedShare   = 0.7
	minArrivedPackets = 4
	// clusterRatio: packets that come in at more than this multiple of the rate they left with were bunched on the way.
	maxBunching = 2.0
	// clusterFull is the share of the sending rate that must arrive for the path not to be full; if it was, a little
	// less than what came through is safe.
	notFullShare, safeShare = 0.9, 0.95
)

// cluster is a probe: packets sent in one burst at a known rate, to see at which rate they arrive.
type cluster struct {
	id    uint8 // 0: free
	open  bool  // packets are still being added
	last  uint16
	sent  span
	got   span
	count int // packets sent
}

// span is when a series of packets began and ended, in µs, and its size in bytes.
type span struct {
	first, last         int64
	firstSize, lastSize int
	bytes, packets      int
}

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

// rate in bits/s over the span without the packet of size excluded, which took no time within it; 0 if there is no span.
func (s *span) rate(excluded int) float64 {
	if s.last <= s.first {
		return 0
	}
	return float64(s.bytes-excluded) * 8 / (float64(s.last-s.first) / 1e6)
}

// clusters are the probes under way.
type clusters [maxClusters]cluster

func (c *clusters) begin(id uint8) {
	c[int(id)%maxClusters] = cluster{id: id, open: true}
}

func (c *clusters) find(id uint8) *cluster {
	if p := &c[int(id)%maxClusters]; id != 0 && p.id == id {
		return p
	}
	return nil
}

func (c *clusters) sent(id uint8, seq uint16, size int, at int64) {
	if p := c.find(id); p != nil && p.open {
		p.sent.add(size, at)
		p.last = seq
		p.count++
	}
}

func (c *clusters) arrived(id uint8, size int, at int64) {
	if p := c.find(id); p != nil {
		p.got.add(size, at)
	}
}

// done ends the probes of which everything up to seq is known, and returns the highest rate the path has carried.
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

// outcome is the rate the probe has proven, 0 if it proved nothing.
func (c *cluster) provenRate() float64 {
	if c.got.packets < minArrivedPackets || float64(c.got.packets) < minArrivedShare*float64(c.count) {
		return 0
	}
	// The first arrival and the last departure are only the ends of their spans.
	sent, got := c.sent.rate(c.sent.lastSize), c.got.rate(c.got.firstSize)
	// What was lost did not take its time on the path's narrowest part.
	if got == 0 || sent == 0 || got > maxBunching*sent {
		return 0
	}
	if got < notFullShare*sent {
		return safeShare * got
	}
	return min(sent, got)
}
