package codec

import (
	"errors"
	"strings"
)

// Type is a codec by the way its payload is read.
type Type uint8

// The codecs Meet forwards; Other is forwarded without looking inside.
const (
	Other Type = iota
	Opus
	RED // Opus, each packet repeating earlier ones (RFC 2198)
	VP8
	H264
	VP9
	AV1
)

var types = map[string]Type{
	"audio/opus": Opus,
	"audio/red":  RED,
	"video/vp8":  VP8,
	"video/h264": H264,
	"video/vp9":  VP9,
	"video/av1":  AV1,
}

// TypeOf returns the codec of a MIME type such as "video/VP8", whatever its case.
func TypeOf(mime string) Type { return types[strings.ToLower(mime)] }

// HasKeyFrames reports whether Parse, or the dependency descriptor, tells the codec's key frames from others.
func (t Type) HasKeyFrames() bool { return t == VP8 || t == H264 || t == VP9 || t == AV1 }

// Info is what the forwarder needs to know of one RTP payload.
type Info struct {
	// KeyFrame is true on the first packet of a picture that can be decoded without any before it; of H264 also on further
	// packets of it that a parameter set or slice begins with.
	KeyFrame bool
	// Begins and Ends mark the first and last packet of a frame, which is one spatial layer of a picture. Of codecs that
	// do not say so the marker bit tells the end.
	StartOfFrame, EndOfFrame bool
	// Spatial and Temporal are the layers the payload belongs to.
	Spatial, Temporal uint8
	// Sync says that the frame needs none of its own temporal layer before it.
	Sync bool
	// Layered says that a VP9 payload names its layers.
	HasLayers bool
	// Fresh says that a VP9 frame is not predicted from earlier pictures: at most from lower layers of its own.
	NotPredicted bool
	// VP8 is the payload descriptor's numbers; Present only for VP8.
	VP8 VP8Descriptor
	// Frame is what the dependency descriptor says, if Descriptors has read one; it comes before the payload's word.
	Frame Frame
}

// ErrShort says that a payload ends inside its own descriptor.
var ErrShort = errors.New("codec: payload ends inside its descriptor")

// Parse reads the descriptor of payload into info, overwriting all of it. Payloads of Opus, RED and unknown codecs, and
// the empty payload of a padding packet, have nothing to read. It returns ErrShort for a truncated descriptor.
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
