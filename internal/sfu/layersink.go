package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Consumer takes one layer of a track from a LayerSink, such as a recorder. Its methods are called one at a time, under a
// lock of the LayerSink, and must not block; of the LayerSink they may call RequestKeyFrame, SetLayer and Layer.
type Consumer interface {
	// WritePacket takes one packet, and its moment on the publisher's clock: zero until the publisher's first sender report
	// (Receiver.Clock dates those packets afterwards). The packet's memory is used again after the call.
	//
	// Packets come as they arrive, each once, and are not sorted: one that was lost and sent again follows later ones. What
	// is missing may never come; Packet.Broken says so of video. A packet without payload is padding. Another SSRC than
	// before means another layer, or a stream that was replaced: it counts sequence numbers and timestamps from other
	// origins, and begins with a key frame if it is video.
	//
	// The moments of packets in order never decrease, and a late packet has the moment it would have had in time. When the
	// publisher sets its clock, they go on as before if the step is longer than maxClockStep (30 s). With a shorter step they
	// move forward by it, or stand still until the clock is where it was.
	WritePacket(p *Packet, at time.Time)
	// SetMuted says that the publisher has muted or unmuted the track. A track that is muted when the LayerSink is started
	// is not reported. No packets come until it is unmuted; then the first picture is a key frame.
	SetMuted(muted bool)
	// Ended says that the track no longer comes in this codec. It is the last call.
	Ended()
}

// LayerSink is the Sink of a Consumer: it passes on one layer of a track, unchanged, and asks for the key frames that the
// layer needs to begin. Of a stream that holds several spatial layers (SVC) it passes on all that the publisher sends.
// Sound in RED (RFC 2198) stays packed: codec.ParseRED unpacks it.
type LayerSink struct {
	receiver *Receiver
	consumer Consumer

	state  atomic.Int32 // a sinkState
	wanted atomic.Int32
	layer  atomic.Int32 // passed on; -1: none

	// control is held while wanted changes, and while state does between stopped and others. Nothing is called under it.
	control sync.Mutex

	// mu is held while the Consumer is called, which keeps its packets in order.
	mu                sync.Mutex
	ssrc              uint32 // of the layer that is passed on
	keyFrameRequested time.Time
	timeline          timeline
	late              Packet // scratch
	raw               []byte // scratch
}

// sinkState is the state of a LayerSink. The comments say what it passes on.
type sinkState = int32

const (
	sinkStopped sinkState = iota // nothing: Start has not been called, or Stop has
	sinkActive                   // packets and events
	sinkMuted                    // events
	sinkEnded                    // nothing: the Receiver is closed
)

// NewLayerSink makes a LayerSink that passes the best layer up to wanted, the index of a simulcast layer, to c once it is
// started.
func NewLayerSink(r *Receiver, wanted int, c Consumer) *LayerSink {
	s := &LayerSink{receiver: r, consumer: c, timeline: timeline{rate: r.options.ClockRate}}
	s.wanted.Store(int32(clampLayer(wanted)))
	s.layer.Store(-1)
	return s
}

func clampLayer(n int) int { return max(0, min(n, MaxLayers-1)) }

// Start begins to pass packets on: video with the next key frame, which it asks for. It counts in the Receiver's Demand
// from then on. If the Receiver is closed, the Consumer's Ended is called before Start returns. Start and Stop may not be
// called at the same time.
func (s *LayerSink) Start() {
	s.control.Lock()
	starts := s.state.CompareAndSwap(sinkStopped, sinkActive)
	wanted := int(s.wanted.Load())
	s.control.Unlock()
	if !starts {
		return
	}
	s.layer.Store(-1)
	s.receiver.AddSink(s)
	s.receiver.addDemand(wanted, 1)
	s.requestFirstKeyFrame(wanted)
}

// Stop ends what Start began. It does not wait: a call of the Consumer that is under way may return after it. No other
// follows, and Ended is not called.
func (s *LayerSink) Stop() {
	s.control.Lock()
	ends := s.state.Swap(sinkStopped) != sinkStopped
	wanted := int(s.wanted.Load())
	s.control.Unlock()
	if ends {
		s.receiver.RemoveSink(s)
		s.layer.Store(-1)
		s.receiver.addDemand(wanted, -1)
	}
}

// SetLayer changes to the best layer up to wanted, at its next key frame, which it asks for.
func (s *LayerSink) SetLayer(wanted int) {
	wanted = clampLayer(wanted)
	s.control.Lock()
	before := int(s.wanted.Swap(int32(wanted)))
	started := s.state.Load() != sinkStopped
	s.control.Unlock()
	if before == wanted || !started {
		return
	}
	s.receiver.addDemand(wanted, 1)
	s.receiver.addDemand(before, -1)
	s.requestFirstKeyFrame(wanted)
}

func (s *LayerSink) requestFirstKeyFrame(wanted int) {
	if s.receiver.codec.HasKeyFrames() {
		s.receiver.requestFirstKeyFrame(wanted)
	}
}

// Layer returns the layer that is passed on, -1 while none is.
func (s *LayerSink) Layer() int { return int(s.layer.Load()) }

// RequestKeyFrame asks for a key frame of the layer that is passed on, or is to be.
func (s *LayerSink) RequestKeyFrame() {
	if n := s.Layer(); n >= 0 {
		s.receiver.RequestKeyFrame(n)
		return
	}
	s.requestFirstKeyFrame(int(s.wanted.Load()))
}

// WriteRTP passes p on if it is of the layer, which changes at key frames only.
func (s *LayerSink) WriteRTP(p *Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() != sinkActive {
		return // one packet may be under way when a mute begins, or after Stop
	}
	if p.Layer == s.Layer() && p.Header.SSRC == s.ssrc {
		s.writeLocked(p)
	} else if s.switchLocked(p) {
		s.writeLocked(p)
		s.catchUpLocked(p)
	}
}

// switchLocked decides about a packet of a layer that is not passed on and reports whether to begin with it.
func (s *LayerSink) switchLocked(p *Packet) bool {
	r := s.receiver
	if p.Layer != r.bestLayer(int(s.wanted.Load())) || !r.isCurrent(p) {
		return false
	}
	if r.codec.HasKeyFrames() && !p.Info.KeyFrame {
		s.requestKeyFrameLocked(p)
		return false
	}
	if len(p.Payload) == 0 {
		return false // padding begins nothing
	}
	s.layer.Store(int32(p.Layer))
	s.ssrc = p.Header.SSRC
	s.timeline.restart()
	return true
}

func (s *LayerSink) writeLocked(p *Packet) {
	if p.Broken && !p.Info.KeyFrame {
		s.requestKeyFrameLocked(p)
	}
	clock, known := p.from.clock()
	s.consumer.WritePacket(p, s.timeline.next(p, clock, known))
}

func (s *LayerSink) requestKeyFrameLocked(p *Packet) {
	if p.Arrival.Sub(s.keyFrameRequested) >= minKeyFrameRetry {
		s.keyFrameRequested = p.Arrival
		s.receiver.requestKeyFrame(p.Layer, p.Arrival)
	}
}

// catchUpLocked passes on what came before p though it belongs behind it: see layer.replay. Packets that waited for the
// structure in p come by themselves: see layer.deliverUndescribed.
func (s *LayerSink) catchUpLocked(p *Packet) {
	if !s.receiver.codec.HasKeyFrames() {
		return
	}
	if s.raw == nil {
		s.raw = make([]byte, mtu)
	}
	p.from.replay(p, &s.late, s.raw, func(late *Packet) {
		if !p.Info.Frame.NewStructure || !slices.Contains(p.from.awaitingStructure, late.Header.SequenceNumber) {
			s.writeLocked(late)
		}
	})
}

// SetMuted tells the Consumer. After a mute the layer begins with a key frame.
func (s *LayerSink) SetMuted(muted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if muted {
		s.state.CompareAndSwap(sinkActive, sinkMuted)
	} else {
		s.layer.Store(-1)
		s.state.CompareAndSwap(sinkMuted, sinkActive)
	}
	if state := s.state.Load(); state == sinkActive || state == sinkMuted {
		s.consumer.SetMuted(muted)
	}
}

// WriteSilence does nothing: the Consumer learns of the mute by SetMuted.
func (s *LayerSink) WriteSilence(time.Time) {}

// Loss returns 0: the Consumer is on no lossy path.
func (s *LayerSink) Loss(time.Time) uint8 { return 0 }

// Ended tells the Consumer.
func (s *LayerSink) Ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.CompareAndSwap(sinkActive, sinkEnded) || s.state.CompareAndSwap(sinkMuted, sinkEnded) {
		s.consumer.Ended()
	}
}
