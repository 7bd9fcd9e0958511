package codec

import "encoding/binary"

// maskOffset is where the mask of active decode targets stands in a descriptor without structure: behind 24 bits that
// are in every descriptor and five flags.
const maskOffset, maskFlag = 29, 25

// Mask is what a forwarded descriptor says about active decode targets: the publisher's stay while Bits is 0.
type Mask struct {
	ActiveTargets uint32
	at            uint16
	Bits          uint8
}

// Mask returns a mask that fits the descriptor f was read from.
func (f *Frame) Mask(active uint32) Mask {
	return Mask{ActiveTargets: active, at: f.maskAt, Bits: f.maskBits}
}

// maxGrown is by how much a descriptor may grow: five flags and 32 targets.
const maxGrowth = 5

// RewriteDescriptor appends to dst, which is empty and has room for five bytes more than ext, ext with frame number and
// mask replaced, and returns it.
func RewriteDescriptor(dst, ext []byte, number uint16, mask Mask) []byte {
	if len(ext) > 3 && int(mask.at) > 8*len(ext) {
		mask.Bits = 0 // not the descriptor the mask was made for
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
	// The publisher's padding may leave whole bytes of zeros at the end; they say nothing.
	return out[:min(len(out), (w.at+7)/8)]
}
