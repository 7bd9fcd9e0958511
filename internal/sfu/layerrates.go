package sfu

import (
	"math"
	"sync/atomic"
	"time"

	"meet/internal/sfu/codec"
)

// MaxTemporals is the maximum number of temporal layers in one spatial layer: VP8 numbers them with two bits.
const MaxTemporals = 4

const (
	// meterWindow is the interval at which a rateMeter updates its rates. A camera sends a few frames in that time.
	meterWindow = 250 * time.Millisecond
	// meterMemory is the time constant of a rate: when this time has passed after a change of the bitrate, the rate
	// contains 63 % of the change. meterLongMemory is the time constant of the long-term rates. They change little even
	// at a key frame that is as large as all other frames of a second together.
	meterMemory, meterLongMemory = time.Second, 4 * time.Second
	// meterMaxPause is the longest pause that counts as part of a camera's bitrate. A longer pause means that the track
	// was muted or not wanted. The measurement then continues with the rate before the pause. If the rate included the
	// pause, it would be too low and would suggest free bandwidth when the layer resumes.
	meterMaxPause = 2 * time.Second
)

// Bitrates holds the bitrate in bits/s that each choice of a track's layers needs. Element [s][t] is the bitrate of
// spatial layer s with its temporal layers up to t. With scalable video coding (SVC), it includes the spatial layers
// below s. The bitrate of a layer that is not sent is 0.
type Bitrates [MaxLayers][MaxTemporals]uint32

// FrameRates are the frame rates in frames/s, indexed like Bitrates.
type FrameRates [MaxLayers][MaxTemporals]float32

// rateMeter measures the bitrate and frame rate of each layer in one RTP stream. Any goroutine may call sentWithin and
// cumulativeRates. Only the stream's read goroutine may call the other methods.
type rateMeter struct {
	continuous  bool // a camera, which always sends; false for a screen share
	windowStart time.Time
	lastPacket  time.Time                       // arrival
	total       float64                         // seconds measured, at most meterLongMemory
	bytes       [MaxLayers][MaxTemporals]uint32 // in this window
	frames      [MaxLayers][MaxTemporals]uint32 // in this window

	cumulative  atomic.Bool                   // each rate already includes the lower layers, as counted by decode target
	bitRate     [MaxLayers][MaxTemporals]rate // bits/s
	longBitRate [MaxLayers][MaxTemporals]rate // bits/s, over meterLongMemory
	frameRate   [MaxLayers][MaxTemporals]rate // frames/s
	lastSeen    [MaxLayers]atomic.Int64       // arrival of the latest packet of each spatial layer, Unix ns
}

// count adds a packet of size bytes. endsFrame is set if it is the last packet of its frame.
func (m *rateMeter) count(info *codec.Info, size int, endsFrame bool, now time.Time) {
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
				m.add(spatial, temporal, size, endsFrame && spatial == int(info.Spatial))
			}
		}
	} else {
		m.add(int(info.Spatial), int(info.Temporal), size, endsFrame)
	}
	if elapsed := now.Sub(m.windowStart); elapsed >= meterWindow {
		m.endWindow(elapsed.Seconds())
		m.windowStart = now
	}
}

// add adds size bytes to one layer, and a frame if frame is set.
func (m *rateMeter) add(spatial, temporal, size int, frame bool) {
	spatial, temporal = min(spatial, MaxLayers-1), min(temporal, MaxTemporals-1)
	m.bytes[spatial][temporal] += uint32(size)
	if frame {
		m.frames[spatial][temporal]++
	}
}

// endWindow updates the smoothed rates with the counts of the current window, and then resets the counts. seconds is the
// duration of the window.
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

// weight returns the weight of a window relative to earlier ones. seconds is the duration of the window, and memory is
// the time constant of the rate. While the measurement is shorter than memory, rates are plain averages.
func (m *rateMeter) weight(seconds float64, memory time.Duration) float64 {
	if m.total < memory.Seconds() {
		return seconds / m.total
	}
	return 1 - math.Exp(-seconds/memory.Seconds())
}

// sentWithin reports whether spatial layer s had a packet within timeout before now.
func (m *rateMeter) sentWithin(s int, timeout time.Duration, now time.Time) bool {
	seen := m.lastSeen[s].Load()
	return seen != 0 && now.UnixNano()-seen <= int64(timeout)
}

// rate is a smoothed rate. One goroutine updates it, any goroutine may read it.
type rate struct{ bits atomic.Uint64 }

// value returns the rate.
func (r *rate) value() float64 { return math.Float64frombits(r.bits.Load()) }

// update moves the rate towards sample. weight is the share of the distance to move, from 0 to 1.
func (r *rate) update(sample, weight float64) {
	old := r.value()
	r.bits.Store(math.Float64bits(old + (sample-old)*weight))
}

// bitrates returns the bitrate of each layer, measured over about a second.
func (r *Receiver) bitrates(now time.Time) Bitrates {
	return r.collectRates(now, func(m *rateMeter, s int) *[MaxTemporals]rate { return &m.bitRate[s] })
}

// longTermBitrates returns the bitrate of each layer, measured over about four seconds.
func (r *Receiver) longTermBitrates(now time.Time) Bitrates {
	return r.collectRates(now, func(m *rateMeter, s int) *[MaxTemporals]rate { return &m.longBitRate[s] })
}

// collectRates returns the bitrates of all active layers. ratesOf chooses between short-term and long-term rates: it
// returns those that m has measured for spatial layer s.
func (r *Receiver) collectRates(now time.Time, ratesOf func(m *rateMeter, s int) *[MaxTemporals]rate) Bitrates {
	var all Bitrates
	r.eachLayer(now, func(row, s int, m *rateMeter) {
		for t, rate := range m.cumulativeRates(ratesOf(m, s)) {
			all[row][t] = uint32(rate)
			if s > 0 && !m.cumulative.Load() {
				all[row][t] += all[row-1][t]
			}
		}
	})
	return all
}

// FrameRates returns the frame rate of each layer in frames/s, measured over about a second.
func (r *Receiver) FrameRates() FrameRates { return r.frameRates(time.Now()) }

// frameRates returns the frame rate of each layer that is active at now.
func (r *Receiver) frameRates(now time.Time) FrameRates {
	var all FrameRates
	r.eachLayer(now, func(row, s int, m *rateMeter) {
		for t, rate := range m.cumulativeRates(&m.frameRate[s]) {
			all[row][t] = float32(rate)
		}
	})
	return all
}

// cumulativeRates returns, for each temporal layer, the sum of its rate and the rates of all lower temporal layers.
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

// eachLayer calls f for every spatial layer that is active. row is the layer's index in the track, and s is its index
// in the stream that m measures. A simulcast stream has one spatial layer, with s = 0. The single stream of SVC has all
// spatial layers, the lowest first.
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
