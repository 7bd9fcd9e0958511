package peer

import (
	"slices"

	"github.com/pion/rtcp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// MediaSection identifies a media section on which the client sends or wants to send. Values of one connection can be
// compared with ==. The zero value is no section.
type MediaSection struct{ receiver *webrtc.RTPReceiver }

// MID returns the mid of the section, or "" before the section has been negotiated. It must not be called on the zero value.
func (s MediaSection) MID() string {
	if tr := s.receiver.RTPTransceiver(); tr != nil {
		return tr.Mid()
	}
	return ""
}

// formatOf returns the sfu.Format of a codec that was negotiated with params.
func formatOf(codec webrtc.RTPCodecParameters, params webrtc.RTPParameters) sfu.Format {
	id := func(uri string) uint8 {
		if i := slices.IndexFunc(params.HeaderExtensions, func(e webrtc.RTPHeaderExtensionParameter) bool { return e.URI == uri }); i >= 0 {
			return uint8(params.HeaderExtensions[i].ID)
		}
		return 0
	}
	return sfu.Format{
		MimeType: codec.MimeType, ClockRate: codec.ClockRate, Parameters: codec.SDPFmtpLine,
		NACK:         slices.ContainsFunc(codec.RTCPFeedback, func(f webrtc.RTCPFeedback) bool { return f.Type == webrtc.TypeRTCPFBNACK && f.Parameter == "" }),
		AudioLevelID: id(sdp.AudioLevelURI), CaptureTimeID: id(sfu.CaptureTimeURI), DescriptorID: id(sfu.DependencyDescriptorURI),
	}
}

// remoteTrack is an RTP stream that the client sends, as an sfu.TrackSource.
type remoteTrack struct {
	track    *webrtc.TrackRemote
	receiver *webrtc.RTPReceiver
	pc       *connection
}

// Info returns the identity and the format of the stream.
func (r *remoteTrack) Info() sfu.SourceInfo {
	return sfu.SourceInfo{
		ID: r.track.ID(), RID: r.track.RID(), Kind: r.track.Kind(), SSRC: uint32(r.track.SSRC()),
		Format: formatOf(r.track.Codec(), r.receiver.GetParameters()),
	}
}

// ReadRTP reads the next RTP packet.
func (r *remoteTrack) ReadRTP(b []byte) (int, error) {
	n, _, err := r.track.Read(b)
	return n, err
}

// ReadRTCP reads the next RTCP packet that concerns the stream.
func (r *remoteTrack) ReadRTCP(b []byte) (int, error) {
	if rid := r.track.RID(); rid != "" {
		n, _, err := r.receiver.ReadSimulcast(b, rid)
		return n, err
	}
	n, _, err := r.receiver.Read(b)
	return n, err
}

// WriteRTCP sends RTCP packets to the client.
func (r *remoteTrack) WriteRTCP(packets []rtcp.Packet) error { return r.pc.WriteRTCP(packets) }
