package codec

import "math/bits"

// bitReader reads fields that do not end at bytes, the highest bit first. What lies behind the end reads as zeros and is
// remembered in over.
type bitReader struct {
	b    []byte
	at   int // bits read
	over bool
}

// read takes the next n bits, at most 32.
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

func (r *bitReader) flag() bool { return r.read(1) == 1 }

// readBelow takes a number from 0 to n-1 in as few bits as will do (ns(n) of the AV1 bitstream specification, 4.10.7).
func (r *bitReader) readNonSymmetric(n uint32) uint32 {
	width := bits.Len32(n)
	short := uint32(1)<<width - n // so many values take one bit less
	v := r.read(width - 1)
	if v < short {
		return v
	}
	return v<<1 - short + r.read(1)
}

// bitWriter writes such fields into b, which is long enough and zero from at on.
type bitWriter struct {
	b  []byte
	at int
}

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

// copyFrom writes the next n bits of r.
func (w *bitWriter) copyFrom(r *bitReader, n int) {
	for n > 0 {
		take := min(n, 32)
		w.write(r.read(take), take)
		n -= take
	}
}
