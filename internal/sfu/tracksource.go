package sfu

import (
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// TrackSource is an RTP stream that a Receiver reads. It is one layer of a client's track, or a stream that an ingress
// makes.
type TrackSource interface {
	// Info describes the stream.
	Info() SourceInfo
	// ReadRTP reads one packet into b and returns its length. It returns io.ErrShortBuffer for a packet that does not
	// fit, and any other error when the stream has ended.
	ReadRTP(b []byte) (int, error)
	// ReadRTCP reads one RTCP packet about the stream; its results are like those of ReadRTP.
	ReadRTCP(b []byte) (int, error)
	// WriteRTCP sends feedback to the stream's sender. It must not block, and must not use the packets after it
	// returns, because their memory is reused.
	WriteRTCP(packets []rtcp.Packet) error
}

// SourceInfo describes a TrackSource.
type SourceInfo struct {
	ID   string // the sender's track id
	RID  string // the layer's RID (RFC 8851); "" without simulcast
	Kind webrtc.RTPCodecType
	SSRC uint32
	Format
}

// Format holds the negotiated format of a track's packets.
type Format struct {
	MimeType   string // such as "video/VP8"
	ClockRate  uint32 // Hz
	Parameters string // codec parameters, as in SDP a=fmtp
	NACK       bool   // the sender retransmits packets on NACK
	// AudioLevelID, CaptureTimeID and DescriptorID are the ids of header extensions: ssrc-audio-level (RFC 6464),
	// abs-capture-time, and the AV1 dependency descriptor. 0 means that the extension was not negotiated.
	AudioLevelID, CaptureTimeID, DescriptorID uint8
}
