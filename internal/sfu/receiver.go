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

// MaxLayers is the maximum number of simulcast layers of a track: RIDs q, h and f.
const MaxLayers = forward.MaxLayers

// ReceiverOptions describe a published track.
type ReceiverOptions struct {
	Format
	Sparse bool // a screen share: seconds may pass between two frames
	// DemandChanged is called when the result of Demand may have changed. It is called from any goroutine and must not
	// block. It may be nil.
	DemandChanged func()
	// Counters are shared with other tracks. If nil, the Receiver has its own.
	Counters *Counters
}

// Receiver is the server's end of one published track, with all its simulcast layers.
type Receiver struct {
	// options and codec never change after NewReceiver.
	options ReceiverOptions
	codec   codec.Type

	// Safe for concurrent use without mu.
	Level        AudioLevel             // loudness, for audio with the ssrc-audio-level extension
	sinks        atomic.Pointer[[]Sink] // slice replaced on change; read on the packet path
	activeLayers atomic.Uint32          // bit n is set while layer n sends
	muted        atomic.Bool

	layers [MaxLayers]atomic.Pointer[layer]
	demand [MaxLayers]atomic.Int32 // number of LayerSinks that want each layer

	mu          sync.Mutex    // also held to replace sinks and layers
	silenceStop chan struct{} // closed to stop the silence at the start of a mute; nil if none is sent
	closed      bool

	wg sync.WaitGroup
}

// NewReceiver returns a Receiver without layers.
func NewReceiver(o ReceiverOptions) *Receiver {
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	r := &Receiver{options: o, codec: codec.TypeOf(o.MimeType)}
	r.sinks.Store(&[]Sink{})
	return r
}

// MimeType returns the codec's MIME type, such as "video/VP8".
func (r *Receiver) MimeType() string { return r.options.MimeType }

// ClockRate returns the clock rate of the track's RTP timestamps in Hz.
func (r *Receiver) ClockRate() uint32 { return r.options.ClockRate }

// AddLayer starts forwarding packets from source as layer n of the track. The layer's goroutines read the source until
// it returns an error. One of them then calls onEnd, unless it is nil. onEnd must not call Close, because Close waits
// for that goroutine. If the track already has a layer n, for example after a renegotiation, the new layer replaces it.
func (r *Receiver) AddLayer(n int, source TrackSource, onEnd func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || n < 0 || n >= MaxLayers {
		return
	}
	l := newLayer(r, n, source)
	r.layers[n].Store(l)
	// Both end when the source returns an error, for example because the connection or the transceiver is closed.
	r.wg.Go(func() {
		l.readRTP()
		if onEnd != nil {
			onEnd()
		}
	})
	r.wg.Go(l.readRTCP)
}

// AddSink adds a sink that receives packets until RemoveSink or Close. The sink is notified of later mutes, but not of
// a mute that has begun already. If the Receiver is closed, AddSink calls only s.Ended.
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

// RemoveSink removes s. A packet in progress may still reach it.
func (r *Receiver) RemoveSink(s Sink) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sinks := slices.DeleteFunc(slices.Clone(*r.sinks.Load()), func(x Sink) bool { return x == s })
	r.sinks.Store(&sinks)
}

// SetMuted stops or resumes forwarding when the publisher mutes or unmutes the track. Packets that still arrive during
// the mute are not forwarded. When audio is muted, subscribers first get a second of silence. When forwarding resumes,
// sequence numbers continue without a gap, so that subscribers do not count the withheld packets as lost.
func (r *Receiver) SetMuted(muted bool) {
	if r.muted.Load() == muted {
		return
	}
	if muted { // packets stop before the sinks are notified, and resume after they are
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
		r.wg.Go(func() { r.sendSilence(stop) }) // ends after a second, on unmute, or on Close
	}
}

// stopSilenceLocked ends the goroutine that sends silence, if it is running.
func (r *Receiver) stopSilenceLocked() {
	if r.silenceStop != nil {
		close(r.silenceStop)
		r.silenceStop = nil
	}
}

// RequestKeyFrame requests a key frame of layer n from the publisher, at most once each keyFrameInterval of the layer.
func (r *Receiver) RequestKeyFrame(n int) { r.requestKeyFrame(n, time.Now()) }

// requestKeyFrame is RequestKeyFrame at a given time.
func (r *Receiver) requestKeyFrame(n int, now time.Time) {
	if l := r.layer(n); l != nil {
		l.requestKeyFrame(now)
	}
}

// requestFirstKeyFrame requests a key frame of the layer with which a sink starts that wants layers up to wanted. It
// does not request key frames of other layers too. If it did, and the sink switched to a higher layer soon afterwards,
// keyFrameInterval would delay the request for that switch.
func (r *Receiver) requestFirstKeyFrame(wanted int) {
	if n := r.bestLayer(wanted); n >= 0 {
		r.RequestKeyFrame(n)
	}
}

// RequestKeyFrames requests a key frame of every active layer. It is for when all subscribers must restart decoding.
func (r *Receiver) RequestKeyFrames() {
	for n := range r.layers {
		if r.activeLayers.Load()&(1<<n) != 0 {
			r.RequestKeyFrame(n)
		}
	}
}

// Close removes all sinks, waits for the layers' goroutines, and then calls the Ended method of each sink. Before
// calling Close, close the connection's streams: the goroutines end only when reading from their source fails.
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

// Stats are a Receiver's counters since its creation.
type Stats struct {
	Packets, Bytes, Lost, Malformed uint64
}

// Stats returns the sum of the counters of all layers.
func (r *Receiver) Stats() Stats {
	var s Stats
	for n := range r.layers {
		if l := r.layer(n); l != nil {
			l.addTo(&s)
		}
	}
	return s
}

// layer returns layer n, nil if there is none.
func (r *Receiver) layer(n int) *layer {
	if n < 0 || n >= MaxLayers {
		return nil
	}
	return r.layers[n].Load()
}

// bestLayer returns the layer for a sink that wants layers up to wanted: the highest active one up to wanted, otherwise
// the lowest active one, or -1 if none is active.
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

// receptionReports returns a reception report for each layer that has received packets. In reports on audio, the
// fraction lost is at least the highest loss of the track's subscribers; see highestSinkLoss.
func (r *Receiver) receptionReports(now time.Time) []rtcp.ReceptionReport {
	var reports []rtcp.ReceptionReport
	for n := range r.layers {
		if l := r.layer(n); l != nil {
			if rr, ok := l.report(now); ok {
				if r.codec == codec.Opus || r.codec == codec.RED {
					rr.FractionLost = max(rr.FractionLost, r.highestSinkLoss(now))
				}
				reports = append(reports, rr)
			}
		}
	}
	return reports
}
