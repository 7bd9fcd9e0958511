package sfu

import (
	"math"
	"sync/atomic"
	"time"
)

// How loudness becomes "is speaking": the reference server's values (docs/protocol.md, 5.3).
const (
	// LevelInterval is how often AudioLevel.Read is meant to be called.
	LevelInterval = 400 * time.Millisecond

	activeLevel   = 35  // −dBov; louder (smaller) counts as sound
	minPercentile = 40  // share of an interval that must be sound, in percent
	smoothing     = 2.0 // intervals
	silentAfter   = 2   // intervals without packets, after which a track counts as silent

	silence   = 127                    // −dBov, the least there is (RFC 6464)
	maxPacket = 120 * time.Millisecond // the longest Opus packet (RFC 7587, section 4.2)
)

// AudioLevel turns the levels that ride on audio packets (RFC 6464) into one smoothed value. Observe is called on the
// packet path, Read by one room's loop.
type AudioLevel struct {
	packets       atomic.Uint32
	active        atomic.Int64  // time covered by packets that are sound
	loudest       atomic.Uint32 // silence − level, so that 0 is none
	lastTimestamp atomic.Uint32 // timestamp of the latest packet

	// Touched by Read only.
	smoothed float64
	idle     int // intervals without packets
}

// Observe takes the level of one packet in −dBov, 0 the loudest, 127 silence, and its timestamp at clockRate Hz. A packet
// counts for the time since the one before: with discontinuous transmission few packets are little sound.
func (a *AudioLevel) Observe(level uint8, timestamp, clockRate uint32) {
	a.packets.Add(1)
	covers := time.Duration(timestamp-a.lastTimestamp.Swap(timestamp)) * time.Second / time.Duration(max(1, clockRate))
	if level > activeLevel {
		return
	}
	if covers <= 0 || covers > maxPacket {
		covers = 20 * time.Millisecond // the usual packet: it is the first, or follows a gap
	}
	a.active.Add(int64(covers))
	for loud := uint32(silence - level); ; {
		was := a.loudest.Load()
		if loud <= was || a.loudest.CompareAndSwap(was, loud) {
			return
		}
	}
}

// Read returns the loudness since the last Read, smoothed, from 0 to 1 in steps of 1/8, and starts a new interval: that of
// the loudest packet, less for the time that was no sound. Only one goroutine may call it.
func (a *AudioLevel) Read() float32 {
	packets, active, loudest := a.packets.Swap(0), a.active.Swap(0), a.loudest.Swap(0)
	share := min(1, float64(active)/float64(LevelInterval))
	switch {
	case packets == 0:
		if a.idle++; a.idle >= silentAfter {
			a.smoothed = 0
		}
	case share*100 < minPercentile:
		a.idle, a.smoothed = 0, 0
	default:
		a.idle = 0
		a.smoothed += (linear(silence-float64(loudest))*share - a.smoothed) * 2 / (smoothing + 1)
	}
	if a.smoothed < linear(activeLevel) {
		return 0
	}
	return float32(min(1, math.Ceil(a.smoothed*8)/8))
}

// linear is the amplitude of a level in −dBov; 1 is the loudest.
func linear(level float64) float64 { return math.Pow(10, -level/20) }
