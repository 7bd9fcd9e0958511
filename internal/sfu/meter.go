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
	meterMemory, meterLasting = time.Second, 4 * time.Second
	// meterBreak is a pause after which a camera's layer goes on at the rate it had before: it was muted, or not wanted. A
	// rate with the pause in it would look like room for everything at the very moment there is least.
	meterBreak = 2 * time.Second
)

// Bitrates are what it costs to forward a track, in bits/s: [s][t] is spatial layer s with its temporal layers up to t,
// and where spatial layers build on each other (SVC) with those below it. A layer that does not send has 0.
type Bitrates [MaxLayers][MaxTemporals]uint32

// FrameRates are the frames a second of the same layers.
type FrameRates [MaxLayers][MaxTemporals]float32

// meter measures the rates of one stream, by the layers inside it. count is called by the stream's read goroutine only,
// the rest by anybody.
type meter struct {
	steady bool      // a camera: it does not send a picture now and then
	began  time.Time // of the window
	latest time.Time // packet
	total  float64   // seconds measured, up to meterLasting
	bytes  [MaxLayers][MaxTemporals]uint32
	frames [MaxLayers][MaxTemporals]uint32

	sums      atomic.Bool                   // the rates are those of decode targets, which have the lower layers in them
	bitRate   [MaxLayers][MaxTemporals]rate // bits/s
	lasting   [MaxLayers][MaxTemporals]rate // the same, remembered for longer
	frameRate [MaxLayers][MaxTemporals]rate // frames/s
	seen      [MaxLayers]atomic.Int64       // latest packet of each spatial layer, Unix ns
}

// count takes note of a packet of size bytes; ends says that it is the last of its frame.
func (m *meter) count(info *codec.Info, size int, ends bool, now time.Time) {
	if m.began.IsZero() || m.steady && now.Sub(m.latest) > meterBreak {
		m.began = now
		clear(m.bytes[:])
		clear(m.frames[:])
	}
	m.latest = now
	m.seen[min(int(info.Spatial), MaxLayers-1)].Store(now.UnixNano())
	if f := &info.Frame; f.Structure != nil {
		m.sums.Store(true)
		for t := range f.Structure.Targets {
			if f.Indication(t) != codec.NotPresent {
				spatial, temporal := f.Structure.Layers(t)
				m.add(spatial, temporal, size, ends && spatial == int(info.Spatial))
			}
		}
	} else {
		m.add(int(info.Spatial), int(info.Temporal), size, ends)
	}
	if elapsed := now.Sub(m.began); elapsed >= meterWindow {
		m.roll(elapsed.Seconds())
		m.began = now
	}
}

func (m *meter) add(spatial, temporal, size int, frame bool) {
	spatial, temporal = min(spatial, MaxLayers-1), min(temporal, MaxTemporals-1)
	m.bytes[spatial][temporal] += uint32(size)
	if frame {
		m.frames[spatial][temporal]++
	}
}

// roll ends a window of that length in seconds.
func (m *meter) roll(seconds float64) {
	m.total = min(m.total+seconds, meterLasting.Seconds())
	weight, lasting := m.weight(seconds, meterMemory), m.weight(seconds, meterLasting)
	for s := range m.bytes {
		for t := range m.bytes[s] {
			bits := float64(m.bytes[s][t]) * 8 / seconds
			m.bitRate[s][t].follow(bits, weight)
			m.lasting[s][t].follow(bits, lasting)
			m.frameRate[s][t].follow(float64(m.frames[s][t])/seconds, weight)
			m.bytes[s][t], m.frames[s][t] = 0, 0
		}
	}
}

// weight returns the weight of a window of that length in seconds against the earlier ones. Until as much as the memory has
// been measured, rates are plain averages.
func (m *meter) weight(seconds float64, memory time.Duration) float64 {
	if m.total < memory.Seconds() {
		return seconds / m.total
	}
	return 1 - math.Exp(-seconds/memory.Seconds())
}

// sends reports whether spatial layer s has sent within timeout.
func (m *meter) sends(s int, timeout time.Duration, now time.Time) bool {
	seen := m.seen[s].Load()
	return seen != 0 && now.UnixNano()-seen <= int64(timeout)
}

// rate is a smoothed rate that one goroutine moves and others read.
type rate struct{ bits atomic.Uint64 }

func (r *rate) value() float64 { return math.Float64frombits(r.bits.Load()) }

// follow moves the rate towards sample by weight.
func (r *rate) follow(sample, weight float64) {
	old := r.value()
	r.bits.Store(math.Float64bits(old + (sample-old)*weight))
}

// bitrates returns what each layer costs, measured over about a second.
func (r *Receiver) bitrates(now time.Time) Bitrates {
	return r.measured(now, func(m *meter, s int) *[MaxTemporals]rate { return &m.bitRate[s] })
}

// lastingBitrates are the same over about four seconds.
func (r *Receiver) lastingBitrates(now time.Time) Bitrates {
	return r.measured(now, func(m *meter, s int) *[MaxTemporals]rate { return &m.lasting[s] })
}

// measured collects the rates that of picks for spatial layer s of a stream.
func (r *Receiver) measured(now time.Time, of func(m *meter, s int) *[MaxTemporals]rate) Bitrates {
	var all Bitrates
	r.eachLayer(now, func(row, s int, m *meter) {
		for t, rate := range m.upTo(of(m, s)) {
			all[row][t] = uint32(rate)
			if s > 0 && !m.sums.Load() {
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
	r.eachLayer(now, func(row, s int, m *meter) {
		for t, rate := range m.upTo(&m.frameRate[s]) {
			all[row][t] = float32(rate)
		}
	})
	return all
}

// upTo returns the rates of a spatial layer with its temporal layers up to each.
func (m *meter) upTo(layer *[MaxTemporals]rate) (all [MaxTemporals]float64) {
	sums, before := m.sums.Load(), 0.0
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
func (r *Receiver) eachLayer(now time.Time, f func(row, s int, m *meter)) {
	for n := range MaxLayers {
		l := r.layer(n)
		if l == nil {
			continue
		}
		for s := range MaxLayers - n {
			if l.meter.sends(s, l.silence(s, now), now) {
				f(n+s, s, &l.meter)
			}
		}
	}
}
