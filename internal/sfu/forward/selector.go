package forward

import "meet/internal/sfu/codec"

// Target is the highest spatial layer to forward, and the highest temporal layer of each spatial layer. Spatial -1
// means none.
type Target struct{ Spatial, Temporal int }

// selector selects the packets of the layers a subscriber gets, within one stream. It uses the dependency descriptor if
// there is one, otherwise the payload descriptor. If a codec has neither, it selects all packets.
type selector struct {
	Target       // being forwarded
	started bool // at least one packet was decided on
	top     int  // highest spatial layer seen in the stream

	frames       *[frameMemory]frameDecision // decisions by frame number modulo frameMemory; nil for a track without dependency descriptors
	decodeTarget int                         // index in the structure of the decode target being forwarded; -1: none
	newest       uint16                      // highest frame number
	timestamp    uint32                      // RTP timestamp of that frame
	active       uint32                      // the publisher's active decode targets when bestTarget was computed
	wanted       Target                      // the subscriber's target at that time
	bestTarget   int                         // decode target for wanted
	mask         uint32                      // active decode targets for the subscriber, one bit each
	sentMask     uint32                      // the mask that the subscriber has received
}

// selection is the selector's decision on a packet.
type selection struct {
	forward       bool
	marker        bool       // it is the last packet of its picture for this subscriber
	needsKeyFrame bool       // the wanted layers can start only with a key frame
	mask          codec.Mask // active decode targets to send
}

// newSelector returns a selector. described says that packets have a dependency descriptor.
func newSelector(described bool) selector {
	s := selector{decodeTarget: -1}
	if described {
		s.frames = new([frameMemory]frameDecision)
	}
	return s
}

// reset removes all state: the next packet is the first of a stream.
func (s *selector) reset() {
	s.started, s.top, s.decodeTarget, s.sentMask = false, 0, -1, 0
	if s.frames != nil {
		clear(s.frames[:])
	}
}

// decide decides on p, a packet of the stream being forwarded. The first packet after reset must start a key frame.
func (s *selector) decide(p *Packet, want Target) selection {
	var v selection
	switch info := &p.Info; {
	case info.Frame.Structure != nil && s.frames != nil:
		v = s.byDescriptor(info, p.Header.Timestamp, want)
	case info.VP8.Present:
		v.forward = s.byVP8(info, want)
	case info.HasLayers:
		v = s.byVP9(info, want)
	default:
		s.Target = Target{0, want.Temporal}
		v.forward = true
	}
	s.started = true
	s.top = max(s.top, int(p.Info.Spatial))
	return v
}

// byVP8 decides on a VP8 packet by its temporal layer. It moves up one temporal layer at a time, because a layer may
// depend on the layers below it. It moves up only at a picture that depends on no earlier picture of its own layer.
func (s *selector) byVP8(info *codec.Info, want Target) bool {
	if info.StartOfFrame {
		switch {
		case !s.started || info.KeyFrame || s.Temporal > want.Temporal:
			s.Target = Target{0, want.Temporal}
		case info.Sync && s.Temporal < want.Temporal && int(info.Temporal) == s.Temporal+1:
			s.Temporal++
		}
	}
	return int(info.Temporal) <= s.Temporal
}

// byVP9 decides on a VP9 packet by the layers in its payload descriptor (RFC 9628, section 4.2). It forwards all lower
// spatial layers, because higher ones may need them. Therefore it can move down at any picture.
func (s *selector) byVP9(info *codec.Info, want Target) selection {
	if info.StartOfFrame {
		if !s.started || info.KeyFrame {
			s.Target = want
		}
		s.Temporal = s.temporalByVP9(info, want)
		switch {
		case info.Spatial == 0:
			s.Spatial = min(s.Spatial, want.Spatial)
		case info.NotPredicted && int(info.Spatial) == s.Spatial+1:
			s.Spatial = min(s.Spatial+1, want.Spatial)
		}
	}
	return selection{
		forward:       int(info.Spatial) <= s.Spatial && int(info.Temporal) <= s.Temporal,
		marker:        info.EndOfFrame && int(info.Spatial) == s.Spatial,
		needsKeyFrame: s.Spatial < want.Spatial && info.Temporal == 0 && int(info.Spatial) == s.Spatial+1,
	}
}

// temporalByVP9 returns the temporal layer to forward from this packet on.
func (s *selector) temporalByVP9(info *codec.Info, want Target) int {
	switch {
	case info.Spatial > 0: // all spatial layers of a picture have the same temporal layer
		return s.Temporal
	case info.Sync && s.Temporal < want.Temporal && int(info.Temporal) == s.Temporal+1:
		return s.Temporal + 1
	}
	return min(s.Temporal, want.Temporal)
}
