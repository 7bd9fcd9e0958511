package sfu

import (
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// TrackSource is one RTP stream that a Receiver reads: a layer of a track that a client sends, or one that an ingress
// makes.
type TrackSource interface {
	// Info describes the stream.
	Info() SourceInfo
	// ReadRTP reads one packet into b and returns its length. It returns io.ErrShortBuffer for a packet that does not fit,
	// and another error when the stream has ended.
	ReadRTP(b []byte) (int, error)
	// ReadRTCP reads one RTCP packet about the stream in the same way.
	ReadRTCP(b []byte) (int, error)
	// WriteRTCP sends feedback to the stream's sender. It must not block, nor keep the packets: their memory is used again.
	WriteRTCP(packets []rtcp.Packet) error
}

// SourceInfo describes a TrackSource.
type SourceInfo struct {
	ID   string // of the track, as its sender names it
	RID  string // of the layer (RFC 8851); "" without simulcast
	Kind webrtc.RTPCodecType
	SSRC uint32
	Format
}

// Format is the format of a track's packets, as it was negotiated.
type Format struct {
	MimeType   string // such as "video/VP8"
	ClockRate  uint32 // Hz
	Parameters string // of the codec, as SDP writes them in a=fmtp
	NACK       bool   // the sender answers NACKs
	// IDs of header extensions; 0 where an extension was not negotiated: ssrc-audio-level (RFC 6464), abs-capture-time and
	// the AV1 dependency descriptor.
	AudioLevelID, CaptureTimeID, DescriptorID uint8
}
