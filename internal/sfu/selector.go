package sfu

import "meet/internal/sfu/codec"

// target is the most that may be forwarded: spatial layers up to spatial, of them temporal layers up to temporal.
type target struct{ spatial, temporal int }

var (
	everything = target{MaxLayers - 1, MaxTemporals - 1}
	nothing    = target{-1, -1}
)

// selector picks, of the one stream that is forwarded, the packets of the layers a subscriber is to get. It goes by the
// dependency descriptor where there is one, else by the payload's; of a codec that tells neither everything is
// forwarded. It is plain state; DownTrack guards it.
type selector struct {
	target // being forwarded
	begun  bool
	top    int // highest spatial layer inside the stream

	frames *[frameMemory]frameVerdict // nil for a track without descriptors
	decode int                        // target being forwarded, by number in the structure; -1: none
	newest uint16                     // frame
	stamp  uint32                     // timestamp of its picture
	active uint32                     // by the publisher, when what follows was found
	wanted target                     // likewise
	best   int                        // decode target for wanted
	mask   uint32                     // decode targets that what is forwarded can be decoded to
	told   uint32                     // mask the subscriber knows
}

// verdict is what to do with a packet.
type verdict struct {
	forward bool
	marker  bool       // it is the last of its picture, towards this subscriber
	waits   bool       // what is wanted can only begin with a key frame
	mask    codec.Mask // active decode targets to tell
}

func newSelector(described bool) selector {
	s := selector{decode: -1}
	if described {
		s.frames = new([frameMemory]frameVerdict)
	}
	return s
}

// begin forgets what was forwarded: the next packet is the first.
func (s *selector) begin() {
	s.begun, s.top, s.decode, s.told = false, 0, -1, 0
	if s.frames != nil {
		clear(s.frames[:])
	}
}

// choose decides on p, which belongs to the stream being forwarded. The first one after begin begins a key frame.
func (s *selector) choose(p *Packet, want target) verdict {
	var v verdict
	switch info := &p.Info; {
	case info.Frame.Structure != nil && s.frames != nil:
		v = s.byDescriptor(info, p.Header.Timestamp, want)
	case info.VP8.Present:
		v.forward = s.byVP8(info, want)
	case info.Layered:
		v = s.byVP9(info, want)
	default:
		s.target = target{0, want.temporal}
		v.forward = true
	}
	s.begun = true
	s.top = max(s.top, int(p.Info.Spatial))
	return v
}

// byVP8 goes by temporal layer. Only a picture that needs nothing of its own layer before it can be the first of that
// layer, and it must be the next one: those above may need pictures of those between.
func (s *selector) byVP8(info *codec.Info, want target) bool {
	if info.Begins {
		switch {
		case !s.begun || info.KeyFrame || s.temporal > want.temporal:
			s.target = target{0, want.temporal}
		case info.Sync && s.temporal < want.temporal && int(info.Temporal) == s.temporal+1:
			s.temporal++
		}
	}
	return int(info.Temporal) <= s.temporal
}

// byVP9 goes by the layers of the payload descriptor (RFC 9628, section 4.2). All lower spatial layers are forwarded,
// as any may be needed; so the way down is open at any picture.
func (s *selector) byVP9(info *codec.Info, want target) verdict {
	if info.Begins {
		if !s.begun || info.KeyFrame {
			s.target = want
		}
		s.temporal = s.temporalByVP9(info, want)
		switch {
		case info.Spatial == 0:
			s.spatial = min(s.spatial, want.spatial)
		case info.Fresh && int(info.Spatial) == s.spatial+1:
			s.spatial = min(s.spatial+1, want.spatial)
		}
	}
	return verdict{
		forward: int(info.Spatial) <= s.spatial && int(info.Temporal) <= s.temporal,
		marker:  info.Ends && int(info.Spatial) == s.spatial,
		waits:   s.spatial < want.spatial && info.Temporal == 0 && int(info.Spatial) == s.spatial+1,
	}
}

func (s *selector) temporalByVP9(info *codec.Info, want target) int {
	switch {
	case info.Spatial > 0: // the layers of a picture share its time
		return s.temporal
	case info.Sync && s.temporal < want.temporal && int(info.Temporal) == s.temporal+1:
		return s.temporal + 1
	}
	return min(s.temporal, want.temporal)
}
