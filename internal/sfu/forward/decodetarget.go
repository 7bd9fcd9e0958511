package forward

import "meet/internal/sfu/codec"

// frameMemory is the number of frames whose decision is stored, a power of two: eight seconds at 30 frames/s with one
// spatial layer, nearly three with three layers. Frames depend on others about ten frames back at most.
const frameMemory = 256

// frameDecision is the decision on one frame.
type frameDecision struct {
	number      uint16 // frame number in the dependency descriptor
	state       frameState
	carriesMask bool // its packets carry the new mask of active decode targets
}

// frameState says whether a frame was forwarded.
type frameState uint8

const (
	undecided frameState = iota
	skipped
	forwarded
)

// byDescriptor decides on a packet by its dependency descriptor. It forwards the frames of one decode target. The
// decision on the first packet of a frame applies to all its packets. stamp is the packet's RTP timestamp.
func (s *selector) byDescriptor(info *codec.Info, stamp uint32, want Target) selection {
	f := &info.Frame
	h := &s.frames[f.Number%frameMemory]
	var v selection
	if h.state == undecided || h.number != f.Number {
		*h = frameDecision{number: f.Number, state: skipped}
		newer := !s.started || int16(f.Number-s.newest) > 0
		if newer || f.NewStructure {
			begins := !s.started || stamp != s.timestamp
			s.newest, s.timestamp = f.Number, stamp
			v.needsKeyFrame = s.retarget(info, begins, want)
		}
		if s.decodeTarget >= 0 && s.decodeTarget < f.Structure.Targets && f.Indication(s.decodeTarget) != codec.NotPresent {
			h.state = forwarded
			if newer && s.mask != s.sentMask {
				s.sentMask, h.carriesMask = s.mask, true
			}
		}
	}
	v.forward = h.state == forwarded
	v.marker = f.EndOfFrame && int(info.Spatial) == s.Spatial
	if h.carriesMask || f.HasMask || f.NewStructure && s.mask != f.ActiveTargets {
		v.mask = f.Mask(s.mask)
	}
	return v
}

// retarget switches to the decode target for want, if the frame allows it. The frame, info.Frame, must be the newest so
// far. retarget reports whether only a key frame would allow the switch. begins says that the frame is the first of its
// picture.
func (s *selector) retarget(info *codec.Info, begins bool, want Target) (needsKeyFrame bool) {
	f := &info.Frame
	if f.NewStructure {
		s.decodeTarget, s.sentMask = -1, f.ActiveTargets // a new structure implies this mask
	}
	if f.NewStructure || f.ActiveTargets != s.active || want != s.wanted {
		s.active, s.wanted = f.ActiveTargets, want
		s.bestTarget = closestTarget(f, want)
		s.updateMask(f)
	}
	switch {
	case s.bestTarget < 0 || s.bestTarget == s.decodeTarget:
		return false
	case f.NewStructure || s.canSwitchTo(f, s.bestTarget):
		s.setDecodeTarget(f, s.bestTarget)
		return false
	case s.decodeTarget < 0:
		return true
	}
	// Until the switch, the temporal layer may change: down at any picture, up at a frame that starts the layer.
	same := closestTarget(f, Target{s.Spatial, want.Temporal})
	if spatial, temporal := f.Structure.Layers(max(same, 0)); same >= 0 && same != s.decodeTarget && spatial == s.Spatial &&
		(begins && temporal < s.Temporal || s.canSwitchTo(f, same)) {
		s.setDecodeTarget(f, same)
	}
	spatial, _ := f.Structure.Layers(s.bestTarget)
	return spatial != s.Spatial && info.Temporal == 0 && int(info.Spatial) == spatial
}

// setDecodeTarget selects the decode target with index decode, starting with frame f.
func (s *selector) setDecodeTarget(f *codec.Frame, decode int) {
	s.decodeTarget = decode
	s.Spatial, s.Temporal = f.Structure.Layers(decode)
	s.updateMask(f)
}

// updateMask sets the mask of active decode targets. A target is in the mask if it is active at the publisher and its
// layers are not above the forwarded ones.
func (s *selector) updateMask(f *codec.Frame) {
	s.mask = 0
	for t := range f.Structure.Targets {
		if spatial, temporal := f.Structure.Layers(t); f.ActiveTargets&(1<<t) != 0 && spatial <= s.Spatial && temporal <= s.Temporal {
			s.mask |= 1 << t
		}
	}
}

// canSwitchTo reports whether the decode target with index decode is decodable when forwarding starts with frame f.
// That is so if f is a switching point of the target, and the frames that f depends on were forwarded.
func (s *selector) canSwitchTo(f *codec.Frame, decode int) bool {
	if f.Indication(decode) != codec.Switch {
		return false
	}
	for _, diff := range f.Dependencies() {
		number := f.Number - diff
		if h := &s.frames[number%frameMemory]; diff >= frameMemory || h.number != number || h.state != forwarded {
			return false
		}
	}
	return true
}

// closestTarget returns the active decode target with the highest spatial layer, then temporal layer, within want. If
// all exceed want, it returns the lowest one. It returns -1 if none is active.
func closestTarget(f *codec.Frame, want Target) int {
	best, rank := -1, 0
	for t := range f.Structure.Targets {
		if f.ActiveTargets&(1<<t) == 0 {
			continue
		}
		spatial, temporal := f.Structure.Layers(t)
		r := 1 + spatial*8 + temporal // temporal layers are below 8
		if spatial > want.Spatial || temporal > want.Temporal {
			r = -r
		}
		if best < 0 || r > rank {
			best, rank = t, r
		}
	}
	return best
}
