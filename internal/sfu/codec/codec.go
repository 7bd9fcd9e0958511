package codec

import (
	"errors"
	"strings"
)

// Type is a codec, or a payload format such as RED, that Meet distinguishes.
type Type uint8

// The codecs that Meet forwards. Payloads of Other are not parsed.
const (
	Other Type = iota
	Opus
	RED // Opus with redundancy: each packet repeats earlier ones (RFC 2198)
	VP8
	H264
	VP9
	AV1
)

// types maps MIME types in lower case to codecs.
var types = map[string]Type{
	"audio/opus": Opus,
	"audio/red":  RED,
	"video/vp8":  VP8,
	"video/h264": H264,
	"video/vp9":  VP9,
	"video/av1":  AV1,
}

// TypeOf returns the codec of a MIME type such as "video/VP8", in upper or lower case, and Other for an unknown one.
func TypeOf(mime string) Type { return types[strings.ToLower(mime)] }

// HasKeyFrames reports whether the codec is video, so that Parse or the dependency descriptor detects its key frames.
func (t Type) HasKeyFrames() bool { return t == VP8 || t == H264 || t == VP9 || t == AV1 }

// Info holds the properties of one RTP payload that a forwarder needs.
type Info struct {
	// KeyFrame is set on the first packet of a key frame. With H.264 it is also set on further packets of the key frame
	// that begin with a parameter set or slice.
	KeyFrame bool
	// StartOfFrame and EndOfFrame are set on the first and last packet of a frame: one spatial layer of a picture. With
	// codecs whose payload does not mark the end, EndOfFrame stays false; use the RTP marker bit.
	StartOfFrame, EndOfFrame bool
	// Spatial and Temporal are the layers that the payload belongs to.
	Spatial, Temporal uint8
	// Sync says that the frame depends on no earlier frame of its own temporal layer.
	Sync bool
	// HasLayers says that a VP9 payload descriptor contains the layers.
	HasLayers bool
	// NotPredicted says that a VP9 frame is not predicted from earlier pictures. It may still be predicted from lower
	// layers of its own picture.
	NotPredicted bool
	// VP8 is the VP8 payload descriptor. Its Present is set only for VP8.
	VP8 VP8Descriptor
	// Frame is the content of the dependency descriptor, if DescriptorReader has read one. It overrides the payload
	// descriptor.
	Frame Frame
}

// ErrShort reports that a payload ends inside its descriptor.
var ErrShort = errors.New("codec: payload ends inside its descriptor")

// Parse parses the payload descriptor of payload into info, and overwrites all of info. It parses nothing for Opus, RED
// and Other, and for the empty payload of a padding packet. It returns ErrShort for a truncated descriptor.
func Parse(t Type, payload []byte, info *Info) error {
	*info = Info{}
	if len(payload) == 0 {
		return nil
	}
	switch t {
	case VP8:
		return parseVP8(payload, info)
	case H264:
		info.KeyFrame = h264KeyFrame(payload)
	case VP9:
		return parseVP9(payload, info)
	case AV1:
		// RTP payload format for AV1, section 4.4: N marks the first packet of a coded video sequence, Z a continued OBU.
		info.KeyFrame = payload[0]&0x08 != 0 && payload[0]&0x80 == 0
	case Other, Opus, RED:
	}
	return nil
}
