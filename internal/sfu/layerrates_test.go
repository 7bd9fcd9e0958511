package sfu

import (
	"math"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"meet/internal/sfu/codec"
)

// meteredReceiver returns a Receiver whose layers receive no packets. The test calls the method count of their rate
// meters instead.
func meteredReceiver(layers int) *Receiver {
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}})
	for n := range layers {
		r.layers[n].Store(testLayer(r, n, layerSSRC(n), nil))
		r.activeLayers.Or(1 << n)
	}
	return r
}

// near reports whether got is within 10 % of want.
func near(got uint32, want float64) bool { return math.Abs(float64(got)-want) <= want/10 }

// Three streams have 30 frames/s each, half of them in the upper of two temporal layers. Then the highest stream stops,
// and its bitrate must become 0.
func TestLayerBitrateIncludesLowerTemporalLayers(t *testing.T) {
	r, now := meteredReceiver(3), time.Now()
	send := func(frames, layers int) {
		for i := range frames {
			now = now.Add(time.Second / 30)
			for n := range layers {
				r.layer(n).meter.count(&codec.Info{Temporal: uint8(i % 2)}, 1000<<n, true, now)
			}
		}
	}
	if got := r.bitrates(now); got != (Bitrates{}) {
		t.Errorf("before the first packet %v", got)
	}
	send(60, 3)
	got, frames := r.bitrates(now), r.frameRates(now)
	for n := range 3 {
		size := 1000 << n
		half := float64(15 * 8 * size)
		if !near(got[n][0], half) || !near(got[n][1], 2*half) || got[n][3] != got[n][1] {
			t.Errorf("layer %d costs %v, want about %v and %v", n, got[n], half, 2*half)
		}
		if f := frames[n]; math.Abs(float64(f[0])-15) > 1.5 || math.Abs(float64(f[1])-30) > 3 {
			t.Errorf("layer %d shows %v frames a second, want 15 and 30", n, f)
		}
	}
	send(40, 2)
	if got := r.bitrates(now); got[2] != [MaxTemporals]uint32{} || got[1][0] == 0 {
		t.Errorf("after the highest layer ended %v", got)
	}
}

// When a camera is switched off and on again, its measured bitrate must immediately be the one before the pause.
func TestMeasuredCameraBitrateExcludesLongPauses(t *testing.T) {
	r, now := meteredReceiver(1), time.Now()
	send := func(frames int) {
		for range frames {
			now = now.Add(time.Second / 30)
			r.layer(0).meter.count(&codec.Info{}, 4000, true, now)
		}
	}
	send(60)
	now = now.Add(10 * time.Second)
	for range 30 {
		send(1)
		if got := r.bitrates(now)[0][0]; !near(got, 30*8*4000) {
			t.Fatalf("it costs %d bits/s, want %d", got, 30*8*4000)
		}
	}
}

// A screen share that sends a frame each five seconds must have a low bitrate, even if it had a high one before.
func TestMeasuredScreenShareBitrateIncludesPauses(t *testing.T) {
	r, now := meteredReceiver(0), time.Now()
	r.options.Sparse = true
	r.layers[0].Store(testLayer(r, 0, layerSSRC(0), nil))
	for _, every := range []time.Duration{time.Second / 30, 5 * time.Second} {
		for range 60 {
			now = now.Add(every)
			r.layer(0).meter.count(&codec.Info{}, 1000, true, now)
		}
		if got, want := r.bitrates(now)[0][0], 8000/every.Seconds(); !near(got, want) {
			t.Errorf("with a picture each %v it costs %d bits/s, want %v", every, got, want)
		}
	}
}

func TestSVCLayerBitrateIncludesLowerSpatialLayers(t *testing.T) {
	r, now := meteredReceiver(1), time.Now()
	for range 60 {
		now = now.Add(time.Second / 30)
		r.layer(0).meter.count(&codec.Info{}, 1000, true, now)
		r.layer(0).meter.count(&codec.Info{Spatial: 1}, 3000, true, now)
	}
	got := r.bitrates(now)
	if !near(got[0][0], 30*8*1000) || !near(got[1][0], 30*8*4000) || got[2][0] != 0 {
		t.Errorf("layers cost %v", got)
	}
}

func TestDownTrackForwardsLowerOfWantedAndAllowedLayers(t *testing.T) {
	g := newFixture(t, 3, false)
	all := func(key bool, seq uint16) int {
		t.Helper()
		for n := range 3 {
			g.receive(n, vp8Packet{seq: seq, ts: uint32(seq) * 10, id: uint16(n), key: key})
		}
		g.now = g.now.Add(time.Second)
		return len(g.out.take())
	}
	current := func(want int) {
		t.Helper()
		if got, _ := g.d.Current(); got != want {
			t.Errorf("layer %d is forwarded, want %d", got, want)
		}
	}
	current(-1)
	g.d.SetWanted(true, 1, 3)
	g.d.SetAllowed(2, 3)
	all(true, 1)
	current(1)
	g.d.SetAllowed(0, 3)
	all(true, 2)
	current(0)
	g.d.SetAllowed(-1, 0)
	current(-1)
	if n := all(true, 3); n != 0 {
		t.Errorf("%d packets sent while paused", n)
	}
	g.resetKeyFrameThrottle()
	g.publisher.take()
	g.d.SetAllowed(2, 3)
	if got := g.publisher.keyFrameRequests(); len(got) == 0 {
		t.Error("no key frame was requested when the video was resumed")
	}
	if n := all(false, 4); n != 0 {
		t.Errorf("%d packets sent before a key frame", n)
	}
	all(true, 5)
	current(1)
}
