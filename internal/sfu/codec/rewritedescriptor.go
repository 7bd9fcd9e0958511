package codec

import "encoding/binary"

// maskOffset is the position in bits of the active targets in a descriptor without a structure: they follow 24
// mandatory bits and five flags. maskFlag is the position of the flag that says whether the descriptor contains active
// targets.
const maskOffset, maskFlag = 29, 25

// Mask holds the active decode targets to write into a descriptor. If Bits is 0, the publisher's active decode targets
// stay in the descriptor.
type Mask struct {
	ActiveTargets uint32 // one bit each
	at            uint16 // position in bits
	Bits          uint8  // number of targets
}

// Mask returns a Mask with the given targets for the descriptor that f was read from.
func (f *Frame) Mask(active uint32) Mask {
	return Mask{ActiveTargets: active, at: f.maskAt, Bits: f.maskBits}
}

// maxGrowth is the maximum number of bytes by which rewriting extends a descriptor: 37 bits, which are five
// flags and a mask of 32 targets.
const maxGrowth = 5

// RewriteDescriptor appends ext to dst, with its frame number and active targets replaced, and returns the result. dst
// must be empty and have a capacity of len(ext) + maxGrowth.
func RewriteDescriptor(dst, ext []byte, number uint16, mask Mask) []byte {
	if len(ext) > 3 && int(mask.at) > 8*len(ext) {
		mask.Bits = 0 // the mask belongs to another descriptor
	}
	if len(ext) < 3 || cap(dst) < len(ext)+maxGrowth {
		return append(dst, ext...)
	}
	if mask.Bits == 0 {
		dst = append(dst, ext...)
		binary.BigEndian.PutUint16(dst[1:], number)
		return dst
	}
	out := dst[:len(ext)+maxGrowth]
	clear(out)
	w, r := bitWriter{b: out}, bitReader{b: ext}
	w.copyFrom(&r, 8)
	w.write(uint32(number), 16)
	r.read(16)
	hadMask := false
	if len(ext) == 3 {
		w.write(0b01000, 5)
	} else {
		w.copyFrom(&r, 1)
		hadMask = r.flag()
		w.write(1, 1)
		w.copyFrom(&r, int(mask.at)-maskFlag-1)
	}
	w.write(mask.ActiveTargets, int(mask.Bits))
	if hadMask {
		r.read(int(mask.Bits))
	}
	if rest := 8*len(ext) - r.at; rest > 0 {
		w.copyFrom(&r, rest)
	}
	// Cut whole bytes of the publisher's zero padding.
	return out[:min(len(out), (w.at+7)/8)]
}
