package codec

import "errors"

// The dependency descriptor is an RTP header extension that says of each frame to which layers it belongs and which
// frames it needs (AV1 RTP specification, appendix A). Chromium sends it with AV1 and VP9. Most of it is in a structure
// of templates that comes with each key frame; a packet then only names its template.

var (
	// ErrDescriptor says that a dependency descriptor cannot be read.
	ErrDescriptor = errors.New("codec: broken dependency descriptor")
	// ErrNoStructure says that a descriptor belongs to a structure that has not come, or not yet.
	ErrNoStructure = errors.New("codec: dependency descriptor of an unknown structure")
)

// Indication is what a frame is to one decode target.
type Indication uint8

// The values of A.8.2 in their coding.
const (
	NotPresent  Indication = iota // the target does without it
	Discardable                   // nothing of the target needs it
	Switch                        // from here on the target can be decoded
	Required
)

// What a structure may hold: by the width of its fields, but for the differences, of which AV1 and VP9 have no more
// than a frame has references.
const (
	maxTemplates = 64
	maxTargets   = 32
	maxDiffs     = 8
)

// Structure is the templates of one coded video sequence.
type Structure struct {
	Targets int // decode targets: subsets of the layers that make a picture

	offset    uint8 // of template ids
	templates int
	chains    int
	template  [maxTemplates]template
	layers    [maxTargets]struct{ spatial, temporal uint8 }
}

type template struct {
	spatial, temporal uint8
	indications       uint64 // two bits each
	diffs             [maxDiffs]uint16
	diffCount         uint8
}

// Layers returns the highest spatial and temporal layer of a decode target.
func (s *Structure) Layers(target int) (spatial, temporal int) {
	return int(s.layers[target].spatial), int(s.layers[target].temporal)
}

// Frame is what the descriptor of one packet says about its frame.
type Frame struct {
	Structure     *Structure // nil when there is no descriptor; good until the next packet of the stream is read
	NewStructure  bool       // the structure came with this packet: a key frame begins
	StartOfFrame  bool       // packet of the frame
	EndOfFrame    bool
	Number        uint16
	ActiveTargets uint32 // decode targets the publisher sends, a bit each
	HasMask       bool   // Active came with this packet

	indications uint64
	diffs       [maxDiffs]uint16
	diffCount   uint8
	// Where in the descriptor the mask of active targets stands or would stand, in bits, and how many it has.
	maskAt   uint16
	maskBits uint8
}

// Indication returns what the frame is to a decode target.
func (f *Frame) Indication(target int) Indication {
	return Indication(f.indications >> (2 * target) & 3)
}

// Needs returns by how much the numbers of the frames it is predicted from are smaller than its own.
func (f *Frame) Dependencies() []uint16 { return f.diffs[:f.diffCount] }

// Descriptors reads the dependency descriptors of one stream.
type DescriptorReader struct {
	known      bool
	current    int
	structures [2]Structure // the one in force, and room for the next
	active     uint32
}

// HasStructure reports whether a descriptor brings a structure: by its first flag, behind 24 bits.
func HasStructure(ext []byte) bool { return len(ext) > 3 && ext[3]&0x80 != 0 }

// Known reports whether a structure has come.
func (d *DescriptorReader) Known() bool { return d.known }

// Read reads a descriptor into info. It returns ErrNoStructure if its structure has not come yet, ErrDescriptor for what
// is no descriptor; both leave info and the structure as they were.
func (d *DescriptorReader) Read(ext []byte, info *Info) error {
	r := bitReader{b: ext}
	f := Frame{StartOfFrame: r.flag(), EndOfFrame: r.flag()}
	id := uint8(r.read(6))
	f.Number = uint16(r.read(16))
	var ownIndications, ownDiffs, ownChains bool
	s, known, active := &d.structures[d.current], d.known, d.active
	f.maskAt = maskOffset
	if len(ext) > 3 {
		f.NewStructure, f.HasMask, ownIndications, ownDiffs, ownChains = r.flag(), r.flag(), r.flag(), r.flag(), r.flag()
		if f.NewStructure {
			s = &d.structures[1-d.current]
			if !s.read(&r) {
				return ErrDescriptor
			}
			known, active = true, 1<<s.Targets-1
			f.maskAt = uint16(r.at)
		}
		if f.HasMask && known {
			active = r.read(s.Targets)
		}
	}
	if r.over {
		return ErrDescriptor
	}
	index := (id - s.offset) % maxTemplates
	if !known || int(index) >= s.templates {
		return ErrNoStructure
	}
	t := &s.template[index]
	f.indications, f.diffs, f.diffCount = t.indications, t.diffs, t.diffCount
	if ownIndications {
		f.indications = readIndications(&r, s.Targets)
	}
	if ownDiffs && !f.readDiffs(&r) {
		return ErrDescriptor
	}
	if ownChains {
		for range s.chains {
			r.read(8)
		}
	}
	if r.over {
		return ErrDescriptor
	}
	if f.NewStructure {
		d.current, d.known = 1-d.current, true
	}
	d.active = active
	f.Structure, f.ActiveTargets, f.maskBits = s, active, uint8(s.Targets)
	info.Frame, info.Spatial, info.Temporal = f, t.spatial, t.temporal
	info.StartOfFrame, info.EndOfFrame, info.KeyFrame = f.StartOfFrame, f.EndOfFrame, f.NewStructure && f.StartOfFrame && f.diffCount == 0
	return nil
}

// readDiffs reads a frame's own differences (frame_fdiffs): the width of each in units of four bits before it, 0 at the
// end.
func (f *Frame) readDiffs(r *bitReader) bool {
	f.diffCount = 0
	for {
		size := r.read(2)
		if size == 0 {
			return true
		}
		if int(f.diffCount) == maxDiffs {
			return false
		}
		f.diffs[f.diffCount] = uint16(r.read(4*int(size))) + 1
		f.diffCount++
	}
}

// read reads template_dependency_structure and reports whether it is one.
func (s *Structure) read(r *bitReader) bool {
	s.offset = uint8(r.read(6))
	s.Targets = int(r.read(5)) + 1
	if !s.readLayers(r) {
		return false
	}
	for i := range s.templates {
		s.template[i].indications = readIndications(r, s.Targets)
	}
	for i := range s.templates {
		t := &s.template[i]
		for t.diffCount = 0; r.flag(); t.diffCount++ {
			if int(t.diffCount) == maxDiffs {
				return false
			}
			t.diffs[t.diffCount] = uint16(r.read(4)) + 1
		}
	}
	s.skipChains(r)
	if r.flag() { // the size of each spatial layer: two numbers of 16 bits
		for range int(s.template[s.templates-1].spatial) + 1 {
			r.read(32)
		}
	}
	s.findLayers()
	return !r.over
}

// readLayers reads template_layers: each template's layer is that of the one before, the next temporal or the next
// spatial one, until 3.
func (s *Structure) readLayers(r *bitReader) bool {
	spatial, temporal := uint8(0), uint8(0)
	for s.templates = 0; s.templates < maxTemplates; {
		s.template[s.templates] = template{spatial: spatial, temporal: temporal}
		s.templates++
		switch r.read(2) {
		case 1:
			temporal++
		case 2:
			temporal = 0
			spatial++
		case 3:
			return spatial < 4 && temporal < 8
		}
		if r.over {
			return false
		}
	}
	return false
}

// skipChains reads template_chains over. Chains tell whether all of a target has come; loss is mended by NACK and key
// frames here.
func (s *Structure) skipChains(r *bitReader) {
	s.chains = int(r.readNonSymmetric(uint32(s.Targets) + 1))
	if s.chains == 0 {
		return
	}
	for range s.Targets {
		r.readNonSymmetric(uint32(s.chains))
	}
	for range s.templates * s.chains {
		r.read(4)
	}
}

// findLayers finds each target's layers: the highest among the templates it has part in.
func (s *Structure) findLayers() {
	s.layers = [maxTargets]struct{ spatial, temporal uint8 }{}
	for i := range s.templates {
		t := &s.template[i]
		for target := range s.Targets {
			if Indication(t.indications>>(2*target)&3) != NotPresent {
				l := &s.layers[target]
				l.spatial, l.temporal = max(l.spatial, t.spatial), max(l.temporal, t.temporal)
			}
		}
	}
}

func readIndications(r *bitReader, targets int) uint64 {
	var all uint64
	for target := range targets {
		all |= uint64(r.read(2)) << (2 * target)
	}
	return all
}
