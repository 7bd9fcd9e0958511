package codec

import "encoding/binary"

// NAL unit types (RFC 6184, section 5.2, and H.264 table 7-1).
const (
	nalIDR   = 5
	nalSPS   = 7
	nalSTAPA = 24
	nalFUA   = 28
)

// h264KeyFrame reports whether the payload starts a key frame. Encoders send the parameter sets before each IDR
// picture, so the first packet of a key frame contains an SPS. If the parameter sets are sent out of band, a key frame
// starts with an IDR slice.
func h264KeyFrame(p []byte) bool {
	switch nal := p[0] & 0x1f; nal {
	case nalIDR, nalSPS:
		return true
	case nalSTAPA:
		return stapHoldsKeyFrame(p[1:])
	case nalFUA:
		return len(p) > 1 && p[1]&0x80 != 0 && p[1]&0x1f == nalIDR
	}
	return false
}

// stapHoldsKeyFrame reports whether an aggregation packet contains an SPS or IDR slice. Each unit follows its 16-bit
// size (RFC 6184, section 5.7.1).
func stapHoldsKeyFrame(p []byte) bool {
	for len(p) > 2 {
		size := int(binary.BigEndian.Uint16(p))
		p = p[2:]
		if size == 0 || size > len(p) {
			return false
		}
		if nal := p[0] & 0x1f; nal == nalIDR || nal == nalSPS {
			return true
		}
		p = p[size:]
	}
	return false
}
