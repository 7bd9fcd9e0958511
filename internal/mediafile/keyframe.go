package mediafile

import (
	"bytes"

	"github.com/pion/rtp/codecs/av1/obu"
)

// Whether a whole frame can be decoded without those before it.

// vp8Key looks at the frame tag (RFC 6386, section 9.1).
func vp8Key(frame []byte) bool { return len(frame) > 0 && frame[0]&1 == 0 }

// vp9Key looks at the uncompressed header (VP9 bitstream specification, section 6.2): a marker of two bits, the
// profile, whether an earlier frame is shown again, and the frame's type, 0 for a key frame.
func vp9Key(frame []byte) bool {
	if len(frame) == 0 || frame[0]>>6 != 2 {
		return false
	}
	b := frame[0] << 4 // behind marker and profile
	if frame[0]>>4&3 == 3 {
		b <<= 1 // profile 3 has a reserved bit
	}
	return b&0x80 == 0 && b&0x40 == 0
}

// av1Key looks for a sequence header, which precedes each key frame that a stream may begin with (AV1 specification,
// section 7.5). Every unit says how long it is.
func av1Key(frame []byte) bool {
	for len(frame) > 0 {
		h, err := obu.ParseOBUHeader(frame)
		if err != nil || !h.HasSizeField || h.Size() > len(frame) {
			return false
		}
		if h.Type == obu.OBUSequenceHeader {
			return true
		}
		size, n, err := obu.ReadLeb128(frame[h.Size():])
		if err != nil || uint64(size) > uint64(len(frame)) {
			return false
		}
		frame = frame[min(h.Size()+int(n)+int(size), len(frame)):]
	}
	return false
}

// h264Key looks for a sequence parameter set, without which a file cannot begin (ITU-T H.264, table 7-1).
func h264Key(frame []byte) bool {
	for {
		i := bytes.Index(frame, []byte{0, 0, 1})
		if i < 0 || i+3 >= len(frame) {
			return false
		}
		if frame[i+3]&0x1f == 7 {
			return true
		}
		frame = frame[i+3:]
	}
}
