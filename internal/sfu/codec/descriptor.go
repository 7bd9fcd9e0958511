package codec

import "errors"

// The dependency descriptor is an RTP header extension with the layers that each frame belongs to and the frames that
// it depends on (AV1 RTP specification, appendix A). Chromium sends it with AV1 and VP9. Most of it is in a structure
// of templates that comes with each key frame; a packet then only names its template.

var (
	// ErrDescriptor reports that a dependency descriptor is malformed.
	ErrDescriptor = errors.New("codec: malformed dependency descriptor")
	// ErrNoStructure reports that a descriptor refers to a structure that was not received.
	ErrNoStructure = errors.New("codec: dependency descriptor without its structure")
)

// Indication says how a frame matters to one decode target (DTI, decode target indication).
type Indication uint8

// The values of an Indication, as encoded (AV1 RTP specification, section A.8.2).
const (
	NotPresent  Indication = iota // the frame is not part of the target
	Discardable                   // no other frame of the target depends on it
	Switch                        // the target is decodable from this frame on
	Required                      // later frames of the target depend on it
)

// Maximum sizes in a structure. They follow from the widths of its fields, except maxDiffs: AV1 and VP9 frames have no
// more references.
const (
	maxTemplates = 64
	maxTargets   = 32
	maxDiffs     = 8
)

// Structure is the template dependency structure of one coded video sequence.
type Structure struct {
	Targets int // number of decode targets: combinations of layers that can be decoded alone

	offset    uint8 // first template id
	templates int   // number of templates
	chains    int   // number of chains
	template  [maxTemplates]template
	layers    [maxTargets]struct{ spatial, temporal uint8 } // highest layers of each decode target
}

// template holds the properties shared by many frames.
type template struct {
	spatial, temporal uint8
	indications       uint64           // an Indication for each decode target, two bits each
	diffs             [maxDiffs]uint16 // differences to the frame numbers it depends on
	diffCount         uint8
}

// Layers returns the highest spatial and temporal layer of a decode target.
func (s *Structure) Layers(target int) (spatial, temporal int) {
	return int(s.layers[target].spatial), int(s.layers[target].temporal)
}

// Frame is the content of one packet's dependency descriptor.
type Frame struct {
	Structure     *Structure // nil if there is no descriptor; valid until the next packet of the stream is read
	NewStructure  bool       // this packet contains the structure: a key frame starts
	StartOfFrame  bool       // first packet of the frame
	EndOfFrame    bool       // last packet of the frame
	Number        uint16     // frame number
	ActiveTargets uint32     // decode targets that the publisher sends, one bit each
	HasMask       bool       // this packet contains ActiveTargets

	indications uint64
	diffs       [maxDiffs]uint16
	diffCount   uint8
	// maskAt is the position of the active targets in the descriptor, in bits. If the descriptor does not contain them,
	// it is the position where they would be inserted. maskBits is the number of targets.
	maskAt   uint16
	maskBits uint8
}

// Indication returns how the frame matters to a decode target.
func (f *Frame) Indication(target int) Indication {
	return Indication(f.indications >> (2 * target) & 3)
}

// Dependencies returns the differences between the frame's number and the numbers of the frames that it depends on.
func (f *Frame) Dependencies() []uint16 { return f.diffs[:f.diffCount] }

// DescriptorReader reads the dependency descriptors of one stream. The zero value is ready for use.
type DescriptorReader struct {
	known      bool         // a structure was received
	current    int          // index in structures
	structures [2]Structure // the current one, and memory for the next
	active     uint32       // decode targets that the publisher sends
}

// HasStructure reports whether a descriptor contains a structure. The flag for it follows the first 24 bits.
func HasStructure(ext []byte) bool { return len(ext) > 3 && ext[3]&0x80 != 0 }

// Known reports whether a structure was received.
func (d *DescriptorReader) Known() bool { return d.known }

// Read parses a descriptor into info. It returns ErrNoStructure if the structure was not received, and ErrDescriptor
// for a malformed descriptor. After an error, info and the structure are unchanged.
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

// readDiffs reads the frame's own differences (frame_fdiffs). Two bits before each give its width in units of four
// bits; 0 ends the list.
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

// read parses template_dependency_structure and reports whether it is valid.
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
	if r.flag() { // width and height of each spatial layer, 16 bits each
		for range int(s.template[s.templates-1].spatial) + 1 {
			r.read(32)
		}
	}
	s.findLayers()
	return !r.over
}

// readLayers reads template_layers. Two bits after each template say whether the next one has the same layers, the next
// temporal layer or the next spatial layer; 3 ends the list.
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

// skipChains reads template_chains without storing it. A receiver can use chains to detect lost frames. The server does
// not need them, because it repairs loss with NACKs and key frames.
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

// findLayers computes the layers of each target. They are the highest layers among the templates that belong to the
// target.
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

// readIndications reads one Indication for each decode target. targets is the number of decode targets.
func readIndications(r *bitReader, targets int) uint64 {
	var all uint64
	for target := range targets {
		all |= uint64(r.read(2)) << (2 * target)
	}
	return all
}
