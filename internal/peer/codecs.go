package peer

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// MimeTypeRED is Opus with redundant audio data (RFC 2198): each packet repeats earlier ones, so audio survives packet loss.
const MimeTypeRED = "audio/red"

// opusFmtp are the format parameters of Opus in every description of the server.
const opusFmtp = "minptime=10;useinbandfec=1"

// videoCodecs are the video codecs that Meet forwards, in order of preference, with LiveKit's payload types. The payload
// type of a codec's retransmission format is one higher (rtxOf).
var videoCodecs = []webrtc.RTPCodecParameters{
	videoCodec(webrtc.MimeTypeVP8, 96, ""),
	videoCodec(webrtc.MimeTypeH264, 125, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"),
	videoCodec(webrtc.MimeTypeH264, 108, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
	videoCodec(webrtc.MimeTypeH264, 123, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640032"),
	videoCodec(webrtc.MimeTypeVP9, 98, "profile-id=0"),
	videoCodec(webrtc.MimeTypeAV1, 35, ""),
}

// videoCodec returns a video codec with its payload type and format parameters.
func videoCodec(mime string, pt webrtc.PayloadType, fmtp string) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 90000, SDPFmtpLine: fmtp},
		PayloadType:        pt,
	}
}

// audioCodecs are the audio codecs that Meet forwards, in order of preference, with LiveKit's payload types.
var audioCodecs = []webrtc.RTPCodecParameters{
	{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: opusFmtp}, PayloadType: 111},
	{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: MimeTypeRED, ClockRate: 48000, Channels: 2, SDPFmtpLine: "111/111"}, PayloadType: 63},
	{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}, PayloadType: 0},
	{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}, PayloadType: 8},
}

// newMediaEngine returns a MediaEngine with the codecs and RTP header extensions of a Transport whose Options are o.
func newMediaEngine(o Options) (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range audioCodecs {
		if !o.supports(c.MimeType) {
			continue
		}
		c.RTCPFeedback = audioFeedback(c.MimeType)
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return nil, err
		}
	}
	for _, c := range videoCodecs {
		if !o.supports(c.MimeType) {
			continue
		}
		c.RTCPFeedback = videoFeedback(o.Subscribes)
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
		if err := m.RegisterCodec(rtxOf(c), webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
	}
	for _, x := range headerExtensions(o) {
		if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: x.uri}, x.kind, x.directions...); err != nil {
			return nil, fmt.Errorf("register header extension %s: %w", x.uri, err)
		}
	}
	return m, nil
}

// rtxOf returns the retransmission format (RFC 4588) of the video codec c.
func rtxOf(c webrtc.RTPCodecParameters) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", c.PayloadType)},
		PayloadType:        c.PayloadType + 1,
	}
}

// audioFeedback returns the RTCP feedback types of an audio codec. An audio codec has the type NACK. But RED has no
// feedback, because the next packet repeats the audio of a lost packet.
func audioFeedback(mime string) []webrtc.RTCPFeedback {
	if mime == MimeTypeRED {
		return nil
	}
	return []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBNACK}}
}

// videoFeedback returns the RTCP feedback types of every video codec. They include REMB if the client subscribes.
func videoFeedback(subscribes bool) []webrtc.RTCPFeedback {
	feedback := []webrtc.RTCPFeedback{
		{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"},
		{Type: webrtc.TypeRTCPFBNACK},
		{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
	}
	feedback = append(feedback, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC})
	if subscribes {
		// For clients that do not support transport-wide congestion control.
		feedback = append(feedback, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBGoogREMB})
	}
	return feedback
}

// headerExtension is an RTP header extension with its kind of media and the directions in which it is negotiated.
type headerExtension struct {
	uri        string
	kind       webrtc.RTPCodecType
	directions []webrtc.RTPTransceiverDirection
}

// headerExtensions returns the header extensions of a Transport whose Options are o.
func headerExtensions(o Options) []headerExtension {
	in := []webrtc.RTPTransceiverDirection{webrtc.RTPTransceiverDirectionRecvonly}
	if !o.Publishes {
		out := []webrtc.RTPTransceiverDirection{webrtc.RTPTransceiverDirectionSendonly}
		return append([]headerExtension{
			{sfu.DependencyDescriptorURI, webrtc.RTPCodecTypeVideo, out},
			{sdp.TransportCCURI, webrtc.RTPCodecTypeVideo, out},
		}, sharedExtensions(o, out)...)
	}
	if o.Subscribes {
		// Chrome offers later sections with the extensions that were negotiated for earlier ones. If a section on which
		// Chrome only receives had fewer, Chrome could not publish simulcast afterwards.
		in = append(in, webrtc.RTPTransceiverDirectionSendonly)
	}
	return append([]headerExtension{
		{sdp.SDESMidURI, webrtc.RTPCodecTypeAudio, in},
		{sdp.AudioLevelURI, webrtc.RTPCodecTypeAudio, in},
		{sdp.SDESMidURI, webrtc.RTPCodecTypeVideo, in},
		{sdp.SDESRTPStreamIDURI, webrtc.RTPCodecTypeVideo, in},
		{sdp.SDESRepairRTPStreamIDURI, webrtc.RTPCodecTypeVideo, in},
		{sdp.TransportCCURI, webrtc.RTPCodecTypeVideo, in},
		{sfu.DependencyDescriptorURI, webrtc.RTPCodecTypeVideo, in},
	}, sharedExtensions(o, in)...)
}

// sharedExtensions returns the header extensions that are used both to and from the client.
func sharedExtensions(o Options, directions []webrtc.RTPTransceiverDirection) []headerExtension {
	list := []headerExtension{
		{sfu.CaptureTimeURI, webrtc.RTPCodecTypeAudio, directions},
		{sfu.CaptureTimeURI, webrtc.RTPCodecTypeVideo, directions},
	}
	if o.Subscribes && o.PlayoutDelay {
		list = append(list, headerExtension{sfu.PlayoutDelayURI, webrtc.RTPCodecTypeVideo, directions})
	}
	return list
}

// EnabledCodecs returns the codecs that clients may use, without duplicates and retransmission formats. Video codecs come
// first, and the codecs of each kind are in order of preference.
func EnabledCodecs() []*livekit.Codec {
	var list []*livekit.Codec
	for _, c := range append(append([]webrtc.RTPCodecParameters{}, videoCodecs...), audioCodecs...) {
		mime := strings.ToLower(c.MimeType)
		if !slices.ContainsFunc(list, func(known *livekit.Codec) bool { return known.Mime == mime }) {
			list = append(list, &livekit.Codec{Mime: mime})
		}
	}
	return list
}

// codecsFor returns the codecs that a subscriber's media section offers for a track with the given MIME types, in the order
// of mimes, with all profiles and retransmission formats. RED is followed by Opus, for clients that do not support RED.
// Codecs that the Transport does not support are left out.
func (o Options) codecsFor(mimes ...string) []webrtc.RTPCodecParameters {
	var list []webrtc.RTPCodecParameters
	for _, mime := range mimes {
		for _, c := range audioCodecs {
			if strings.EqualFold(c.MimeType, mime) && o.supports(c.MimeType) {
				c.RTCPFeedback = audioFeedback(c.MimeType)
				list = append(list, c)
			}
		}
		if strings.EqualFold(mime, MimeTypeRED) {
			list = append(list, o.codecsFor(webrtc.MimeTypeOpus)...)
		}
		for _, c := range videoCodecs {
			if strings.EqualFold(c.MimeType, mime) && o.supports(c.MimeType) {
				c.RTCPFeedback = videoFeedback(true)
				list = append(list, c, rtxOf(c))
			}
		}
	}
	return list
}

// supports reports whether the Transport may negotiate the codec.
func (o Options) supports(mime string) bool {
	switch {
	case mime == MimeTypeRED:
		return o.RED
	case strings.EqualFold(mime, webrtc.MimeTypeAV1):
		return !o.NoAV1
	}
	return true
}

// randomSSRC returns a random SSRC (RFC 3550, section 8).
func randomSSRC() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.BigEndian.Uint32(b[:])
}
