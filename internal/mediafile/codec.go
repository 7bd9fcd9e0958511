package mediafile

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/pion/rtp/codecs/av1/obu"
	"github.com/pion/rtp/codecs/vp9"
	"github.com/pion/webrtc/v4"
)

// ivfCodec is what an IVF file may contain.
type ivfCodec struct {
	mime   string
	key    func(frame []byte) bool  // decodes without the frames before it
	hidden func(frame []byte) bool  // is decoded, but not shown
	reveal func(frame []byte)       // makes a frame visible; nil where hidden ones are put into superframes
	check  func(frame []byte) error // whether browsers can decode it
}

// ivfCodecs are the codecs by their four characters in the header.
var ivfCodecs = map[string]ivfCodec{
	"VP80": {webrtc.MimeTypeVP8, vp8Key, vp8Hidden, vp8Reveal, func([]byte) error { return nil }},
	"VP90": {webrtc.MimeTypeVP9, vp9Key, vp9Hidden, nil, vp9Check},
	// A frame is a whole temporal unit, which is visible.
	"AV01": {webrtc.MimeTypeAV1, av1Key, func([]byte) bool { return false }, func([]byte) {}, av1Check},
}

// vp8Key, vp8Hidden and vp8Reveal use the frame tag (RFC 6386, section 9.1). Whether a frame is shown has no influence on
// its decoding.
func vp8Key(frame []byte) bool { return len(frame) > 0 && frame[0]&1 == 0 }

func vp8Hidden(frame []byte) bool { return len(frame) > 0 && frame[0]&0x10 == 0 }

func vp8Reveal(frame []byte) { frame[0] |= 0x10 }

// vp9Key and vp9Hidden look at the uncompressed header, in a superframe that of the first frame.
func vp9Key(frame []byte) bool {
	var h vp9.Header
	return h.Unmarshal(frame) == nil && !h.ShowExistingFrame && !h.NonKeyFrame
}

func vp9Hidden(frame []byte) bool {
	var h vp9.Header
	return h.Unmarshal(frame) == nil && !h.ShowExistingFrame && !h.ShowFrame && !isSuperframe(frame)
}

// superframeMost is how many frames a superframe has at most (VP9 bitstream specification, annex B).
const superframeMost = 8

// superframe joins frames and appends an index of their sizes, between two markers. A single frame stays as it is.
func superframe(frames [][]byte) []byte {
	if len(frames) == 1 {
		return frames[0]
	}
	const sizeBytes = 4
	marker := byte(0xc0 | (sizeBytes-1)<<3 | (len(frames) - 1))
	index := []byte{marker}
	for _, f := range frames {
		index = binary.LittleEndian.AppendUint32(index, uint32(len(f)))
	}
	return append(slices.Concat(frames...), append(index, marker)...)
}

// isSuperframe reports whether a frame ends with such an index.
func isSuperframe(frame []byte) bool {
	marker := frame[len(frame)-1]
	size := 2 + (int(marker>>3&3)+1)*(int(marker&7)+1)
	return marker>>5 == 6 && size <= len(frame) && frame[len(frame)-size] == marker
}

// vp9Check allows profile 0, which is 8-bit 4:2:0.
func vp9Check(frame []byte) error {
	var h vp9.Header
	if _ = h.Unmarshal(frame); h.Profile != 0 { // which stands before anything that may fail
		return errPixels
	}
	return nil
}

// av1Key looks for a sequence header, which precedes each key frame that a stream may begin with (AV1 specification,
// section 7.5).
func av1Key(frame []byte) bool { return av1Sequence(frame) != nil }

// av1Sequence returns the sequence header of a frame, nil if it has none. Every unit states its size.
func av1Sequence(frame []byte) []byte {
	for len(frame) > 0 {
		h, err := obu.ParseOBUHeader(frame)
		if err != nil || !h.HasSizeField || h.Size() > len(frame) {
			return nil
		}
		size, n, err := obu.ReadLeb128(frame[h.Size():])
		if err != nil || uint64(size) > uint64(len(frame)) {
			return nil
		}
		end := min(h.Size()+int(n)+int(size), len(frame))
		if h.Type == obu.OBUSequenceHeader {
			return frame[:end]
		}
		frame = frame[end:]
	}
	return nil
}

// av1Check allows 8-bit 4:2:0 with colours. A header that mediacommon cannot parse to its end is let through.
func av1Check(frame []byte) error {
	var h av1.SequenceHeader
	sequence := av1Sequence(frame)
	if sequence == nil {
		return nil
	}
	err := h.Unmarshal(sequence)
	if c := h.ColorConfig; h.SeqProfile != 0 || err == nil && (c.HighBitDepth || c.MonoChrome) {
		return errPixels
	}
	return nil
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
