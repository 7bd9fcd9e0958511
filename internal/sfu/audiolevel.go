package sfu

import (
	"math"
	"sync/atomic"
	"time"
)

// Parameters of speaker detection: LiveKit's values (docs/protocol.md, 5.3).
const (
	// LevelInterval is the interval at which AudioLevel.Read must be called.
	LevelInterval = 400 * time.Millisecond

	activeLevel   = 35  // −dBov; louder levels, which are smaller numbers, count as speech
	minPercentile = 40  // percentage of an interval that must be speech
	smoothing     = 2.0 // in intervals
	silentAfter   = 2   // number of intervals without packets after which a track counts as silent

	silence   = 127                    // −dBov, the quietest level (RFC 6464)
	maxPacket = 120 * time.Millisecond // duration of the longest Opus packet (RFC 7587, section 4.2)
)

// AudioLevel computes a smoothed loudness from the audio levels in a track's packets (RFC 6464). Observe is called on
// the packet path. Read is called by the loop of one room.
type AudioLevel struct {
	packets       atomic.Uint32
	active        atomic.Int64  // ns; duration of the packets that are speech
	loudest       atomic.Uint32 // silence − level of the loudest packet; 0: none
	lastTimestamp atomic.Uint32 // RTP timestamp of the latest packet

	// Used by Read only.
	smoothed float64
	idle     int // consecutive intervals without packets
}

// Observe records one packet. level is its level in −dBov, from 0 (loudest) to 127 (silence), and timestamp is its RTP
// timestamp in units of 1/clockRate s. Read weights packets by their duration, because discontinuous transmission (DTX)
// sends few packets in silence. The duration is the time since the previous packet's timestamp.
func (a *AudioLevel) Observe(level uint8, timestamp, clockRate uint32) {
	a.packets.Add(1)
	covers := time.Duration(timestamp-a.lastTimestamp.Swap(timestamp)) * time.Second / time.Duration(max(1, clockRate))
	if level > activeLevel {
		return
	}
	if covers <= 0 || covers > maxPacket {
		covers = 20 * time.Millisecond // the first packet, or one after a gap: assume the usual duration
	}
	a.active.Add(int64(covers))
	for loud := uint32(silence - level); ; {
		was := a.loudest.Load()
		if loud <= was || a.loudest.CompareAndSwap(was, loud) {
			return
		}
	}
}

// Read returns the smoothed loudness from 0 to 1, in steps of 1/8, and starts a new interval. The loudness of an
// interval is that of its loudest packet, reduced by the share of time without speech. Only one goroutine may call
// Read.
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

// linear returns the amplitude of a level in −dBov. 1 is the maximum.
func linear(level float64) float64 { return math.Pow(10, -level/20) }
