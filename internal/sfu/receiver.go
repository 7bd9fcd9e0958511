package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"meet/internal/sfu/codec"
	"meet/internal/sfu/forward"
)

// MaxLayers is how many simulcast layers a track may have: rids q, h and f.
const MaxLayers = forward.MaxLayers

// ReceiverOptions describe a published track.
type ReceiverOptions struct {
	Format
	Sparse bool // a screen share: seconds may pass between two frames
	// DemandChanged is called when Demand may have changed, from any goroutine. It must not block. Nil ignores it.
	DemandChanged func()
	// Counters are shared with other tracks; nil makes ones of its own.
	Counters *Counters
}

// Receiver is the server's end of one published track, with all its simulcast layers.
type Receiver struct {
	// Set once.
	options ReceiverOptions
	codec   codec.Type

	// Safe by themselves.
	Level        AudioLevel             // loudness, for audio with the extension
	sinks        atomic.Pointer[[]Sink] // copied on change; read on the packet path
	activeLayers atomic.Uint32          // bit n: layer n sends
	muted        atomic.Bool

	layers [MaxLayers]atomic.Pointer[layer]
	demand [MaxLayers]atomic.Int32 // how many LayerSinks want each layer

	mu          sync.Mutex    // also for changing sinks and layers
	silenceStop chan struct{} // closed to end the silence that follows a mute; nil when there is none
	closed      bool

	wg sync.WaitGroup
}

// NewReceiver makes a Receiver without layers.
func NewReceiver(o ReceiverOptions) *Receiver {
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	r := &Receiver{options: o, codec: codec.TypeOf(o.MimeType)}
	r.sinks.Store(&[]Sink{})
	return r
}

// MimeType returns the codec, such as "video/VP8".
func (r *Receiver) MimeType() string { return r.options.MimeType }

// ClockRate returns the rate of the track's RTP timestamps in Hz.
func (r *Receiver) ClockRate() uint32 { return r.options.ClockRate }

// AddLayer starts forwarding layer n of the track, which comes from source. Goroutines of the layer read the source until
// it returns an error; ended is then called from one of them, unless it is nil. It must not call Close, which waits for
// it. A layer already there is replaced, as after a renegotiation.
func (r *Receiver) AddLayer(n int, source TrackSource, onEnd func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || n < 0 || n >= MaxLayers {
		return
	}
	l := newLayer(r, n, source)
	r.layers[n].Store(l)
	// Both end with the source, for instance when the connection or the transceiver is closed: their read fails then.
	r.wg.Go(func() {
		l.readRTP()
		if onEnd != nil {
			onEnd()
		}
	})
	r.wg.Go(l.readRTCP)
}

// AddSink begins to feed s, until RemoveSink or the Receiver's end. It learns of later mutes only.
func (r *Receiver) AddSink(s Sink) {
	r.mu.Lock()
	closed := r.closed
	if old := *r.sinks.Load(); !closed && !slices.Contains(old, s) {
		sinks := append(slices.Clone(old), s)
		r.sinks.Store(&sinks)
	}
	r.mu.Unlock()
	if closed {
		s.Ended()
	}
}

// RemoveSink stops feeding s. A packet under way may still reach it once.
func (r *Receiver) RemoveSink(s Sink) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sinks := slices.DeleteFunc(slices.Clone(*r.sinks.Load()), func(x Sink) bool { return x == s })
	r.sinks.Store(&sinks)
}

// SetMuted stops forwarding while the publisher is muted, whatever it sends; sound ends in a second of silence.
// Afterwards subscribers go on with the next number, so that what was left out does not look lost to them.
func (r *Receiver) SetMuted(muted bool) {
	if r.muted.Load() == muted {
		return
	}
	if muted { // packets stop before the sinks learn of the mute, and come again after they have learned of its end
		r.muted.Store(true)
	}
	for _, s := range *r.sinks.Load() {
		s.SetMuted(muted)
	}
	r.muted.Store(muted)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopSilenceLocked()
	if muted && !r.closed && (r.codec == codec.Opus || r.codec == codec.RED) {
		stop := make(chan struct{})
		r.silenceStop = stop
		r.wg.Go(func() { r.sendSilence(stop) }) // ends after a second, or with the mute, or with the Receiver
	}
}

func (r *Receiver) stopSilenceLocked() {
	if r.silenceStop != nil {
		close(r.silenceStop)
		r.silenceStop = nil
	}
}

// RequestKeyFrame asks the publisher for a key frame of layer n, no more often than the layer's throttle allows.
func (r *Receiver) RequestKeyFrame(n int) { r.requestKeyFrame(n, time.Now()) }

func (r *Receiver) requestKeyFrame(n int, now time.Time) {
	if l := r.layer(n); l != nil {
		l.requestKeyFrame(now)
	}
}

// requestFirst asks for a key frame of the layer with which a sink that may get layers up to wanted begins. It asks for no
// other: a better layer may follow in a moment, and its request would have to wait for the throttle then.
func (r *Receiver) requestFirstKeyFrame(wanted int) {
	if n := r.bestLayer(wanted); n >= 0 {
		r.RequestKeyFrame(n)
	}
}

// RequestKeyFrames asks for a key frame of every layer that sends, when all subscribers have to restart.
func (r *Receiver) RequestKeyFrames() {
	for n := range r.layers {
		if r.activeLayers.Load()&(1<<n) != 0 {
			r.RequestKeyFrame(n)
		}
	}
}

// Close removes all sinks and waits for the layers' goroutines, which end once the connection's streams are closed; so
// close those first. Then it tells the sinks that the track has ended.
func (r *Receiver) Close() {
	r.mu.Lock()
	r.closed = true
	r.stopSilenceLocked()
	sinks := r.sinks.Swap(&[]Sink{})
	r.mu.Unlock()
	r.wg.Wait()
	for _, s := range *sinks {
		s.Ended()
	}
}

// Stats are a Receiver's counters since it began.
type Stats struct {
	Packets, Bytes, Lost, Malformed uint64
}

// Stats sums the counters of all layers.
func (r *Receiver) Stats() Stats {
	var s Stats
	for n := range r.layers {
		if l := r.layer(n); l != nil {
			l.addTo(&s)
		}
	}
	return s
}

func (r *Receiver) layer(n int) *layer {
	if n < 0 || n >= MaxLayers {
		return nil
	}
	return r.layers[n].Load()
}

// best returns the layer for a sink that wants layers up to wanted: the highest of those that sends, else the lowest that
// sends, or -1 when none does.
func (r *Receiver) bestLayer(wanted int) int {
	alive := r.activeLayers.Load()
	for n := wanted; n >= 0; n-- {
		if alive&(1<<n) != 0 {
			return n
		}
	}
	for n := wanted + 1; n < MaxLayers; n++ {
		if alive&(1<<n) != 0 {
			return n
		}
	}
	return -1
}

// reports returns a reception report for each layer.
func (r *Receiver) receptionReports(now time.Time) []rtcp.ReceptionReport {
	var all []rtcp.ReceptionReport
	for n := range r.layers {
		if l := r.layer(n); l != nil {
			if rr, ok := l.report(now); ok {
				if r.codec == codec.Opus || r.codec == codec.RED {
					rr.FractionLost = max(rr.FractionLost, r.highestSinkLoss(now))
				}
				all = append(all, rr)
			}
		}
	}
	return all
}
