package forward

import "meet/internal/sfu/codec"

// frameMemory is how many frames' verdicts are remembered, a power of two: eight seconds of 30 pictures a second in one
// layer, nearly three in three. Frames need others some ten frames back at most.
const frameMemory = 256

// frameVerdict is the decision on one frame.
type frameVerdict struct {
	number      uint16
	state       frameState
	carriesMask bool // its packets tell the new mask
}

type frameState uint8

const (
	undecided frameState = iota
	skipped
	forwarded
)

// byDescriptor goes by the dependency descriptor: forwarded are the frames of one decode target. All packets of a frame
// share the verdict on the first that came.
func (s *selector) byDescriptor(info *codec.Info, stamp uint32, want Target) verdict {
	f := &info.Frame
	h := &s.frames[f.Number%frameMemory]
	var v verdict
	if h.state == undecided || h.number != f.Number {
		*h = frameVerdict{number: f.Number, state: skipped}
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

// retarget moves on to the decode target for want if the frame, newer than all before, allows it, and reports whether only
// a key frame will. begins says that the frame is the first of its picture.
func (s *selector) retarget(info *codec.Info, begins bool, want Target) (waits bool) {
	f := &info.Frame
	if f.NewStructure {
		s.decodeTarget, s.sentMask = -1, f.ActiveTargets // what a structure says by itself
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
	// Meanwhile the temporal layers can change: fewer at any picture, more at a frame that begins them.
	same := closestTarget(f, Target{s.Spatial, want.Temporal})
	if spatial, temporal := f.Structure.Layers(max(same, 0)); same >= 0 && same != s.decodeTarget && spatial == s.Spatial &&
		(begins && temporal < s.Temporal || s.canSwitchTo(f, same)) {
		s.setDecodeTarget(f, same)
	}
	spatial, _ := f.Structure.Layers(s.bestTarget)
	return spatial != s.Spatial && info.Temporal == 0 && int(info.Spatial) == spatial
}

// take goes on with a decode target.
func (s *selector) setDecodeTarget(f *codec.Frame, decode int) {
	s.decodeTarget = decode
	s.Spatial, s.Temporal = f.Structure.Layers(decode)
	s.updateMask(f)
}

// remask finds the decode targets that are left of the publisher's: those inside the one that is forwarded.
func (s *selector) updateMask(f *codec.Frame) {
	s.mask = 0
	for t := range f.Structure.Targets {
		if spatial, temporal := f.Structure.Layers(t); f.ActiveTargets&(1<<t) != 0 && spatial <= s.Spatial && temporal <= s.Temporal {
			s.mask |= 1 << t
		}
	}
}

// begins reports whether a decode target can be decoded from frame f on: f is one of its switching points, and the frames
// it needs have been forwarded.
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

// closest returns the decode target the publisher sends that comes closest to want from below, first in space; when all
// have more, the one that has least; -1 when it sends none.
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
