package forward

import "meet/internal/sfu/codec"

// Target is the most that may be forwarded: spatial layers up to Spatial, of them temporal layers up to Temporal.
type Target struct{ Spatial, Temporal int }

// selector picks, of the one stream that is forwarded, the packets of the layers a subscriber is to get. It goes by the
// dependency descriptor where there is one, else by the payload's; of a codec that tells neither everything is
// forwarded.
type selector struct {
	Target  // being forwarded
	started bool
	top     int // highest spatial layer inside the stream

	frames       *[frameMemory]frameVerdict // nil for a track without descriptors
	decodeTarget int                        // target being forwarded, by number in the structure; -1: none
	newest       uint16                     // frame
	timestamp    uint32                     // timestamp of its picture
	active       uint32                     // decode targets of the publisher, when best was found
	wanted       Target                     // by the subscriber, at that time
	bestTarget   int                        // decode target for wanted
	mask         uint32                     // decode targets that what is forwarded can be decoded to
	sentMask     uint32                     // mask the subscriber knows
}

// verdict is the selector's decision on a packet.
type verdict struct {
	forward       bool
	marker        bool       // it is the last of its picture, towards this subscriber
	needsKeyFrame bool       // what is wanted can only begin with a key frame
	mask          codec.Mask // active decode targets to tell
}

func newSelector(described bool) selector {
	s := selector{decodeTarget: -1}
	if described {
		s.frames = new([frameMemory]frameVerdict)
	}
	return s
}

// begin forgets what was forwarded: the next packet is the first.
func (s *selector) reset() {
	s.started, s.top, s.decodeTarget, s.sentMask = false, 0, -1, 0
	if s.frames != nil {
		clear(s.frames[:])
	}
}

// choose decides on p, which belongs to the stream being forwarded. The first one after begin begins a key frame.
func (s *selector) decide(p *Packet, want Target) verdict {
	var v verdict
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

// byVP8 goes by temporal layer. Only a picture that needs nothing of its own layer before it can be the first of that
// layer, and it must be the next one: those above may need pictures of those between.
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

// byVP9 goes by the layers of the payload descriptor (RFC 9628, section 4.2). All lower spatial layers are forwarded,
// as any may be needed; so the way down is open at any picture.
func (s *selector) byVP9(info *codec.Info, want Target) verdict {
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
	return verdict{
		forward:       int(info.Spatial) <= s.Spatial && int(info.Temporal) <= s.Temporal,
		marker:        info.EndOfFrame && int(info.Spatial) == s.Spatial,
		needsKeyFrame: s.Spatial < want.Spatial && info.Temporal == 0 && int(info.Spatial) == s.Spatial+1,
	}
}

func (s *selector) temporalByVP9(info *codec.Info, want Target) int {
	switch {
	case info.Spatial > 0: // the layers of a picture share its time
		return s.Temporal
	case info.Sync && s.Temporal < want.Temporal && int(info.Temporal) == s.Temporal+1:
		return s.Temporal + 1
	}
	return min(s.Temporal, want.Temporal)
}
