package sfu

import (
	"math"
	"sync/atomic"
	"time"

	"meet/internal/sfu/codec"
)

// MaxTemporals is how many temporal layers one spatial layer may have: VP8 counts them with two bits.
const MaxTemporals = 4

const (
	// meterWindow is how often a meter adds what it has counted to its rates: a few pictures of a camera.
	meterWindow = 250 * time.Millisecond
	// meterMemory is the time by which a change of rate shows to 63 %, meterLasting the same of the rates in which a key
	// frame does not stand out: it may have the bits of a second.
	meterMemory, meterLongMemory = time.Second, 4 * time.Second
	// meterBreak is a pause after which a camera's layer goes on at the rate it had before: it was muted, or not wanted. A
	// rate with the pause in it would look like room for everything at the very moment there is least.
	meterMaxPause = 2 * time.Second
)

// Bitrates are what it costs to forward a track, in bits/s: [s][t] is spatial layer s with its temporal layers up to t,
// and where spatial layers build on each other (SVC) with those below it. A layer that does not send has 0.
type Bitrates [MaxLayers][MaxTemporals]uint32

// FrameRates are the frames a second of the same layers.
type FrameRates [MaxLayers][MaxTemporals]float32

// meter measures the rates of one stream, by the layers inside it. count is called by the stream's read goroutine only,
// the rest by anybody.
type rateMeter struct {
	continuous  bool      // a camera: it does not send a picture now and then
	windowStart time.Time // of the window
	lastPacket  time.Time // packet
	total       float64   // seconds measured, up to meterLasting
	bytes       [MaxLayers][MaxTemporals]uint32
	frames      [MaxLayers][MaxTemporals]uint32

	cumulative  atomic.Bool                   // the rates are those of decode targets, which have the lower layers in them
	bitRate     [MaxLayers][MaxTemporals]rate // bits/s
	longBitRate [MaxLayers][MaxTemporals]rate // the same, remembered for longer
	frameRate   [MaxLayers][MaxTemporals]rate // frames/s
	lastSeen    [MaxLayers]atomic.Int64       // latest packet of each spatial layer, Unix ns
}

// count takes note of a packet of size bytes; ends says that it is the last of its frame.
func (m *rateMeter) count(info *codec.Info, size int, ends bool, now time.Time) {
	if m.windowStart.IsZero() || m.continuous && now.Sub(m.lastPacket) > meterMaxPause {
		m.windowStart = now
		clear(m.bytes[:])
		clear(m.frames[:])
	}
	m.lastPacket = now
	m.lastSeen[min(int(info.Spatial), MaxLayers-1)].Store(now.UnixNano())
	if f := &info.Frame; f.Structure != nil {
		m.cumulative.Store(true)
		for t := range f.Structure.Targets {
			if f.Indication(t) != codec.NotPresent {
				spatial, temporal := f.Structure.Layers(t)
				m.add(spatial, temporal, size, ends && spatial == int(info.Spatial))
			}
		}
	} else {
		m.add(int(info.Spatial), int(info.Temporal), size, ends)
	}
	if elapsed := now.Sub(m.windowStart); elapsed >= meterWindow {
		m.endWindow(elapsed.Seconds())
		m.windowStart = now
	}
}

func (m *rateMeter) add(spatial, temporal, size int, frame bool) {
	spatial, temporal = min(spatial, MaxLayers-1), min(temporal, MaxTemporals-1)
	m.bytes[spatial][temporal] += uint32(size)
	if frame {
		m.frames[spatial][temporal]++
	}
}

// roll ends a window of that length in seconds.
func (m *rateMeter) endWindow(seconds float64) {
	m.total = min(m.total+seconds, meterLongMemory.Seconds())
	weight, lasting := m.weight(seconds, meterMemory), m.weight(seconds, meterLongMemory)
	for s := range m.bytes {
		for t := range m.bytes[s] {
			bits := float64(m.bytes[s][t]) * 8 / seconds
			m.bitRate[s][t].update(bits, weight)
			m.longBitRate[s][t].update(bits, lasting)
			m.frameRate[s][t].update(float64(m.frames[s][t])/seconds, weight)
			m.bytes[s][t], m.frames[s][t] = 0, 0
		}
	}
}

// weight returns the weight of a window of that length in seconds against the earlier ones. Until as much as the memory has
// been measured, rates are plain averages.
func (m *rateMeter) weight(seconds float64, memory time.Duration) float64 {
	if m.total < memory.Seconds() {
		return seconds / m.total
	}
	return 1 - math.Exp(-seconds/memory.Seconds())
}

// sends reports whether spatial layer s has sent within timeout.
func (m *rateMeter) sentWithin(s int, timeout time.Duration, now time.Time) bool {
	seen := m.lastSeen[s].Load()
	return seen != 0 && now.UnixNano()-seen <= int64(timeout)
}

// rate is a smoothed rate that one goroutine moves and others read.
type rate struct{ bits atomic.Uint64 }

func (r *rate) value() float64 { return math.Float64frombits(r.bits.Load()) }

// follow moves the rate towards sample by weight.
func (r *rate) update(sample, weight float64) {
	old := r.value()
	r.bits.Store(math.Float64bits(old + (sample-old)*weight))
}

// bitrates returns what each layer costs, measured over about a second.
func (r *Receiver) bitrates(now time.Time) Bitrates {
	return r.collectRates(now, func(m *rateMeter, s int) *[MaxTemporals]rate { return &m.bitRate[s] })
}

// lastingBitrates are the same over about four seconds.
func (r *Receiver) longTermBitrates(now time.Time) Bitrates {
	return r.collectRates(now, func(m *rateMeter, s int) *[MaxTemporals]rate { return &m.longBitRate[s] })
}

// measured collects the rates that of picks for spatial layer s of a stream.
func (r *Receiver) collectRates(now time.Time, of func(m *rateMeter, s int) *[MaxTemporals]rate) Bitrates {
	var all Bitrates
	r.eachLayer(now, func(row, s int, m *rateMeter) {
		for t, rate := range m.cumulativeRates(of(m, s)) {
			all[row][t] = uint32(rate)
			if s > 0 && !m.cumulative.Load() {
				all[row][t] += all[row-1][t]
			}
		}
	})
	return all
}

// FrameRates returns how many frames a second each layer shows, measured over about a second.
func (r *Receiver) FrameRates() FrameRates { return r.frameRates(time.Now()) }

func (r *Receiver) frameRates(now time.Time) FrameRates {
	var all FrameRates
	r.eachLayer(now, func(row, s int, m *rateMeter) {
		for t, rate := range m.cumulativeRates(&m.frameRate[s]) {
			all[row][t] = float32(rate)
		}
	})
	return all
}

// upTo returns the rates of a spatial layer with its temporal layers up to each.
func (m *rateMeter) cumulativeRates(layer *[MaxTemporals]rate) (all [MaxTemporals]float64) {
	sums, before := m.cumulative.Load(), 0.0
	for t := range layer {
		rate := layer[t].value()
		if !sums {
			rate += before
		}
		before = max(before, rate)
		all[t] = before
	}
	return all
}

// eachLayer calls f for every spatial layer that sends: its place among the track's layers, and spatial layer s of the
// stream measured by m. A stream of simulcast is one layer, the one stream of SVC holds all, the lowest first.
func (r *Receiver) eachLayer(now time.Time, f func(row, s int, m *rateMeter)) {
	for n := range MaxLayers {
		l := r.layer(n)
		if l == nil {
			continue
		}
		for s := range MaxLayers - n {
			if l.meter.sentWithin(s, l.silenceTimeout(s, now), now) {
				f(n+s, s, &l.meter)
			}
		}
	}
}
