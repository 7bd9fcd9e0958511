package forward

import "meet/internal/sfu/codec"

// frameMemory is how many frames' verdicts are remembered, a power of two: eight seconds of 30 pictures a second in one
// layer, nearly three in three. Frames need others some ten frames back at most.
const frameMemory = 256

// frameVerdict is the decision on one frame.
type frameVerdict struct {
	number uint16
	state  frameState
	tells  bool // its packets tell the new mask
}

type frameState uint8

const (
	undecided frameState = iota
	leftOut
	forwarded
)

// byDescriptor goes by the dependency descriptor: forwarded are the frames of one decode target. All packets of a frame
// share the verdict on the first that came.
func (s *selector) byDescriptor(info *codec.Info, stamp uint32, want Target) verdict {
	f := &info.Frame
	h := &s.frames[f.Number%frameMemory]
	var v verdict
	if h.state == undecided || h.number != f.Number {
		*h = frameVerdict{number: f.Number, state: leftOut}
		newer := !s.begun || int16(f.Number-s.newest) > 0
		if newer || f.New {
			begins := !s.begun || stamp != s.stamp
			s.newest, s.stamp = f.Number, stamp
			v.waits = s.retarget(info, begins, want)
		}
		if s.decode >= 0 && s.decode < f.Structure.Targets && f.Indication(s.decode) != codec.NotPresent {
			h.state = forwarded
			if newer && s.mask != s.told {
				s.told, h.tells = s.mask, true
			}
		}
	}
	v.forward = h.state == forwarded
	v.marker = f.Last && int(info.Spatial) == s.Spatial
	if h.tells || f.HasMask || f.New && s.mask != f.Active {
		v.mask = f.Mask(s.mask)
	}
	return v
}

// retarget moves on to the decode target for want if the frame, newer than all before, allows it, and reports whether only
// a key frame will. begins says that the frame is the first of its picture.
func (s *selector) retarget(info *codec.Info, begins bool, want Target) (waits bool) {
	f := &info.Frame
	if f.New {
		s.decode, s.told = -1, f.Active // what a structure says by itself
	}
	if f.New || f.Active != s.active || want != s.wanted {
		s.active, s.wanted = f.Active, want
		s.best = closest(f, want)
		s.remask(f)
	}
	switch {
	case s.best < 0 || s.best == s.decode:
		return false
	case f.New || s.begins(f, s.best):
		s.take(f, s.best)
		return false
	case s.decode < 0:
		return true
	}
	// Meanwhile the temporal layers can change: fewer at any picture, more at a frame that begins them.
	same := closest(f, Target{s.Spatial, want.Temporal})
	if spatial, temporal := f.Structure.Layers(max(same, 0)); same >= 0 && same != s.decode && spatial == s.Spatial &&
		(begins && temporal < s.Temporal || s.begins(f, same)) {
		s.take(f, same)
	}
	spatial, _ := f.Structure.Layers(s.best)
	return spatial != s.Spatial && info.Temporal == 0 && int(info.Spatial) == spatial
}

// take goes on with a decode target.
func (s *selector) take(f *codec.Frame, decode int) {
	s.decode = decode
	s.Spatial, s.Temporal = f.Structure.Layers(decode)
	s.remask(f)
}

// remask finds the decode targets that are left of the publisher's: those inside the one that is forwarded.
func (s *selector) remask(f *codec.Frame) {
	s.mask = 0
	for t := range f.Structure.Targets {
		if spatial, temporal := f.Structure.Layers(t); f.Active&(1<<t) != 0 && spatial <= s.Spatial && temporal <= s.Temporal {
			s.mask |= 1 << t
		}
	}
}

// begins reports whether a decode target can be decoded from frame f on: f is one of its switching points, and the frames
// it needs have been forwarded.
func (s *selector) begins(f *codec.Frame, decode int) bool {
	if f.Indication(decode) != codec.Switch {
		return false
	}
	for _, diff := range f.Needs() {
		number := f.Number - diff
		if h := &s.frames[number%frameMemory]; diff >= frameMemory || h.number != number || h.state != forwarded {
			return false
		}
	}
	return true
}

// closest returns the decode target the publisher sends that comes closest to want from below, first in space; when all
// have more, the one that has least; -1 when it sends none.
func closest(f *codec.Frame, want Target) int {
	best, rank := -1, 0
	for t := range f.Structure.Targets {
		if f.Active&(1<<t) == 0 {
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
