package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Consumer receives one layer of a track from a LayerSink, for example to record it. Its methods are called one at a
// time, under a lock of the LayerSink, and must not block. They may call RequestKeyFrame, SetLayer and Layer of the
// LayerSink, but no other method.
type Consumer interface {
	// WritePacket receives one packet. at is the packet's time on the publisher's clock, or zero if the publisher has
	// not sent a sender report yet. After the first sender report, Receiver.Clock gives the time of those earlier
	// packets. The packet's memory is reused after the call.
	//
	// Packets come in order of arrival, and each comes once. A retransmitted packet therefore comes after packets with
	// higher sequence numbers. A lost packet may never come. For video, Packet.Broken reports that. A packet without
	// payload is padding. A different SSRC than before means another layer or a replaced stream. Sequence numbers and
	// timestamps of the new stream are unrelated to the previous ones. If it is video, its first packet is a key frame.
	//
	// The times of packets in order never decrease. A late packet has the time that it would have had in order. If the
	// publisher sets its clock by more than maxClockStep (30 s), the times continue as if it had not. If it sets its
	// clock forward by less, the times skip the difference. If it sets its clock back by less, the times stay constant
	// until the clock reaches them again.
	WritePacket(p *Packet, at time.Time)
	// SetMuted reports that the publisher muted or unmuted the track. It is not called for a track that is muted when
	// the LayerSink is started. No packets come until the track is unmuted; then video starts with a key frame.
	SetMuted(muted bool)
	// Ended reports that the track no longer comes in this codec. It is the last call.
	Ended()
}

// LayerSink is the Sink of a Consumer. It passes one simulcast layer of a track unchanged, and requests the key frames
// that the layer needs to start. If the stream contains several spatial layers (SVC), it passes all of them. Audio in
// RED (RFC 2198) is not unpacked; the Consumer can use codec.ParseRED.
type LayerSink struct {
	receiver *Receiver
	consumer Consumer

	state  atomic.Int32 // a sinkState
	wanted atomic.Int32 // highest layer to pass
	layer  atomic.Int32 // the layer being passed; -1: none

	// control is held while wanted changes, and while state changes from or to sinkStopped. While it is held, no
	// callback runs and no other lock is taken.
	control sync.Mutex

	// mu is held while the Consumer is called, so that its packets stay in order.
	mu                sync.Mutex
	ssrc              uint32    // of the layer being passed
	keyFrameRequested time.Time // time of the latest request
	timeline          timeline
	late              Packet // scratch
	raw               []byte // scratch
}

// sinkState is the state of a LayerSink. The comment on each constant says what the LayerSink passes to the Consumer in
// that state.
type sinkState = int32

const (
	sinkStopped sinkState = iota // nothing: Start was not called, or Stop was
	sinkActive                   // packets and events
	sinkMuted                    // only events
	sinkEnded                    // nothing: the Receiver is closed
)

// NewLayerSink returns a stopped LayerSink for the Consumer c. It passes the highest active simulcast layer up to
// wanted.
func NewLayerSink(r *Receiver, wanted int, c Consumer) *LayerSink {
	s := &LayerSink{receiver: r, consumer: c, timeline: timeline{rate: r.options.ClockRate}}
	s.wanted.Store(int32(clampLayer(wanted)))
	s.layer.Store(-1)
	return s
}

// clampLayer returns n limited to the valid layer indexes.
func clampLayer(n int) int { return max(0, min(n, MaxLayers-1)) }

// Start begins to pass packets. Video starts with the next key frame, which Start requests. After Start, the Receiver's
// Demand includes the wanted layer. If the Receiver is closed, Start calls the Consumer's Ended before it returns.
// Start and Stop must not be called concurrently.
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

// Stop ends the calls of the Consumer. It does not wait for a call that is in progress, so that call may return after
// Stop does. No other call follows, not even of Ended.
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

// SetLayer switches to the highest active layer up to wanted. The switch happens at a key frame of that layer, which
// SetLayer requests.
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

// requestFirstKeyFrame requests the key frame that video starts with. It does nothing for audio.
func (s *LayerSink) requestFirstKeyFrame(wanted int) {
	if s.receiver.codec.HasKeyFrames() {
		s.receiver.requestFirstKeyFrame(wanted)
	}
}

// Layer returns the layer that is being passed, -1 if none is.
func (s *LayerSink) Layer() int { return int(s.layer.Load()) }

// RequestKeyFrame requests a key frame of the layer that is being passed. If none is being passed, it requests a key
// frame of the layer with which passing will start.
func (s *LayerSink) RequestKeyFrame() {
	if n := s.Layer(); n >= 0 {
		s.receiver.RequestKeyFrame(n)
		return
	}
	s.requestFirstKeyFrame(int(s.wanted.Load()))
}

// WriteRTP passes p if it belongs to the selected layer. The layer changes only at key frames.
func (s *LayerSink) WriteRTP(p *Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() != sinkActive {
		return // a packet may still come after a mute or after Stop
	}
	if p.Layer == s.Layer() && p.Header.SSRC == s.ssrc {
		s.writeLocked(p)
	} else if s.switchLocked(p) {
		s.writeLocked(p)
		s.catchUpLocked(p)
	}
}

// switchLocked starts to pass the stream of p, and reports whether it did so. It starts only if p's layer is selected
// and p is decodable without earlier packets. If p's layer is selected but p is not decodable, it requests a key frame.
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
		return false // padding cannot start a stream
	}
	s.layer.Store(int32(p.Layer))
	s.ssrc = p.Header.SSRC
	s.timeline.restart()
	return true
}

// writeLocked passes p to the Consumer, and requests a key frame if p follows unrepaired loss.
func (s *LayerSink) writeLocked(p *Packet) {
	if p.Broken && !p.Info.KeyFrame {
		s.requestKeyFrameLocked(p)
	}
	clock, known := p.from.clock()
	s.consumer.WritePacket(p, s.timeline.next(p, clock, known))
}

// requestKeyFrameLocked requests a key frame of p's layer, at most once per minKeyFrameRetry.
func (s *LayerSink) requestKeyFrameLocked(p *Packet) {
	if p.Arrival.Sub(s.keyFrameRequested) >= minKeyFrameRetry {
		s.keyFrameRequested = p.Arrival
		s.receiver.requestKeyFrame(p.Layer, p.Arrival)
	}
}

// catchUpLocked passes the packets that come after the key frame packet p in the stream but arrived before it; see
// layer.replay. It leaves out packets that were stored until the structure in p arrived: layer.deliverAwaiting passes
// those.
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

// SetMuted forwards the event to the Consumer. After a mute the layer starts with a key frame.
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

// WriteSilence does nothing: the Consumer's SetMuted reports the mute.
func (s *LayerSink) WriteSilence(time.Time) {}

// Loss returns 0: there is no lossy network path to the Consumer.
func (s *LayerSink) Loss(time.Time) uint8 { return 0 }

// Ended forwards the event to the Consumer.
func (s *LayerSink) Ended() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.CompareAndSwap(sinkActive, sinkEnded) || s.state.CompareAndSwap(sinkMuted, sinkEnded) {
		s.consumer.Ended()
	}
}
