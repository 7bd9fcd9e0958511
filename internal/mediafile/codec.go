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

// ivfCodec describes a codec that an IVF file may contain.
type ivfCodec struct {
	mime        string
	isKeyFrame  func(frame []byte) bool  // reports whether the frame decodes without earlier frames
	isHidden    func(frame []byte) bool  // reports whether the frame is decoded but not shown
	makeVisible func(frame []byte)       // marks a hidden frame as visible; nil if hidden frames are put into superframes
	check       func(frame []byte) error // returns an error if browsers cannot decode the frame
}

// ivfCodecs are the supported codecs, by the FourCC in the IVF header.
var ivfCodecs = map[string]ivfCodec{
	"VP80": {webrtc.MimeTypeVP8, isVP8KeyFrame, isVP8Hidden, makeVP8Visible, func([]byte) error { return nil }},
	"VP90": {webrtc.MimeTypeVP9, isVP9KeyFrame, isVP9Hidden, nil, checkVP9},
	// A frame is a complete temporal unit, which is visible.
	"AV01": {webrtc.MimeTypeAV1, isAV1KeyFrame, func([]byte) bool { return false }, func([]byte) {}, checkAV1},
}

// isVP8KeyFrame reports whether a VP8 frame is a key frame. It reads the frame tag (RFC 6386, section
// 9.1).
func isVP8KeyFrame(frame []byte) bool { return len(frame) > 0 && frame[0]&1 == 0 }

// isVP8Hidden reports whether a VP8 frame is not shown.
func isVP8Hidden(frame []byte) bool { return len(frame) > 0 && frame[0]&0x10 == 0 }

// makeVP8Visible marks a VP8 frame as shown. This does not affect decoding.
func makeVP8Visible(frame []byte) { frame[0] |= 0x10 }

// isVP9KeyFrame reports whether a VP9 frame is a key frame. Like isVP9Hidden, it reads the uncompressed header. In a
// superframe, this is the header of the first frame.
func isVP9KeyFrame(frame []byte) bool {
	var h vp9.Header
	return h.Unmarshal(frame) == nil && !h.ShowExistingFrame && !h.NonKeyFrame
}

// isVP9Hidden reports whether a VP9 frame is not shown and not in a superframe.
func isVP9Hidden(frame []byte) bool {
	var h vp9.Header
	return h.Unmarshal(frame) == nil && !h.ShowExistingFrame && !h.ShowFrame && !isSuperframe(frame)
}

// maxSuperframeFrames is the largest number of frames in a superframe (VP9 bitstream specification, annex B).
const maxSuperframeFrames = 8

// superframe joins frames into a VP9 superframe, which ends with an index of their sizes between two markers. It
// returns a single frame without changes.
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

// isSuperframe reports whether a VP9 frame ends with a superframe index.
func isSuperframe(frame []byte) bool {
	marker := frame[len(frame)-1]
	size := 2 + (int(marker>>3&3)+1)*(int(marker&7)+1)
	return marker>>5 == 6 && size <= len(frame) && frame[len(frame)-size] == marker
}

// checkVP9 returns an error unless the frame has profile 0, which is 8-bit 4:2:0.
func checkVP9(frame []byte) error {
	var h vp9.Header
	if _ = h.Unmarshal(frame); h.Profile != 0 { // the profile is read before anything that may fail
		return errPixelFormat
	}
	return nil
}

// isAV1KeyFrame reports whether a frame contains a sequence header. One precedes each key frame at which decoding can
// start (AV1 specification, section 7.5).
func isAV1KeyFrame(frame []byte) bool { return av1SequenceHeader(frame) != nil }

// av1SequenceHeader returns the sequence header OBU of a frame, or nil if it has none. In IVF, every OBU has a size
// field.
func av1SequenceHeader(frame []byte) []byte {
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

// checkAV1 returns an error unless the frame is 8-bit 4:2:0 with colours. It accepts a header that mediacommon cannot
// parse completely.
func checkAV1(frame []byte) error {
	var h av1.SequenceHeader
	sequence := av1SequenceHeader(frame)
	if sequence == nil {
		return nil
	}
	err := h.Unmarshal(sequence)
	if c := h.ColorConfig; h.SeqProfile != 0 || err == nil && (c.HighBitDepth || c.MonoChrome) {
		return errPixelFormat
	}
	return nil
}

// isH264KeyFrame reports whether a frame contains a sequence parameter set, with which a file must begin (ITU-T
// H.264, table 7-1).
func isH264KeyFrame(frame []byte) bool {
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
