package sfu

import (
	"math"
	"sync/atomic"
	"time"
)

// How loudness becomes "is speaking": the reference server's values (livekit-protocol.md, 5.3).
const (
	// LevelInterval is how often AudioLevel.Read is meant to be called.
	LevelInterval = 400 * time.Millisecond

	activeLevel   = 35  // −dBov; louder (smaller) counts as sound
	minPercentile = 40  // share of an interval's packets that must be sound, in percent
	smoothing     = 2.0 // intervals
)

// AudioLevel turns the levels that ride on audio packets (RFC 6464) into one smoothed value. Observe is called on the
// packet path, Read by one room's loop.
type AudioLevel struct {
	packets atomic.Uint32
	active  atomic.Uint32
	sum     atomic.Uint64 // of the active packets' levels, −dBov

	smoothed float64 // touched only by Read
}

// Observe takes the level of one packet in −dBov, 0 the loudest, 127 silence.
func (a *AudioLevel) Observe(level uint8) {
	a.packets.Add(1)
	if level <= activeLevel {
		a.active.Add(1)
		a.sum.Add(uint64(level))
	}
}

// Read returns the loudness since the last Read, smoothed, from 0 to 1 in steps of 1/8, and starts a new interval. An
// interval without packets is silent. Only one goroutine may call it.
func (a *AudioLevel) Read() float32 {
	packets, active, sum := a.packets.Swap(0), a.active.Swap(0), a.sum.Swap(0)
	level := 0.0
	if packets > 0 && active > 0 && active*100 >= packets*minPercentile {
		level = math.Pow(10, -float64(sum)/float64(active)/20)
	}
	a.smoothed += (level - a.smoothed) * 2 / (smoothing + 1)
	if a.smoothed < 0.01 { // below −40 dBov there is nothing to show
		a.smoothed = 0
	}
	return float32(min(1, math.Ceil(a.smoothed*8)/8))
}
