package codec

import "math/bits"

// bitReader reads fields that are not aligned to bytes, highest bit first. Reading beyond the end returns zeros and
// sets over.
type bitReader struct {
	b    []byte
	at   int  // position in bits
	over bool // a read went beyond the end
}

// read returns the next n bits. n is at most 32.
func (r *bitReader) read(n int) uint32 {
	if r.at+n > 8*len(r.b) {
		r.over = true
		r.at = 8 * len(r.b)
		return 0
	}
	var v uint32
	for n > 0 {
		have := 8 - r.at&7
		take := min(have, n)
		v = v<<take | uint32(r.b[r.at>>3]>>(have-take))&(1<<take-1)
		r.at += take
		n -= take
	}
	return v
}

// flag returns the next bit.
func (r *bitReader) flag() bool { return r.read(1) == 1 }

// readNonSymmetric returns a number from 0 to n-1, encoded in as few bits as possible (ns(n) in the AV1 bitstream
// specification, section 4.10.7).
func (r *bitReader) readNonSymmetric(n uint32) uint32 {
	width := bits.Len32(n)
	short := uint32(1)<<width - n // number of values encoded with one bit less
	v := r.read(width - 1)
	if v < short {
		return v
	}
	return v<<1 - short + r.read(1)
}

// bitWriter writes fields that are not aligned to bytes into b, highest bit first. b must be long enough, and all its
// bits from position at onward must be zero.
type bitWriter struct {
	b  []byte
	at int // position in bits
}

// write writes the lowest n bits of v.
func (w *bitWriter) write(v uint32, n int) {
	for n > 0 {
		free := 8 - w.at&7
		take := min(free, n)
		part := byte(v >> (n - take) & (1<<take - 1))
		w.b[w.at>>3] |= part << (free - take)
		w.at += take
		n -= take
	}
}

// copyFrom copies the next n bits of r.
func (w *bitWriter) copyFrom(r *bitReader, n int) {
	for n > 0 {
		take := min(n, 32)
		w.write(r.read(take), take)
		n -= take
	}
}
