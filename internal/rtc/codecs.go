package rtc

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// codecSet says which side of a client a connection carries, which decides header extensions and feedback.
type codecSet uint8

const (
	publisherCodecs  codecSet = 1 << iota // media comes in
	subscriberCodecs                      // media goes out
	redCodec                              // the client gets along with RED
	withoutAV1                            // the client says it knows AV1 and fails with it
	playoutDelay                          // the room bounds how long frames are held back
)

// mimeRED is Opus in packets that repeat earlier ones (RFC 2198), by which sound survives loss.
const mimeRED = "audio/red"

const opusFmtp = "minptime=10;useinbandfec=1"

// videoCodecs are the ones Meet forwards, with the payload types LiveKit gives them; a retransmission type follows each.
// VP8 stands first: it is what clients publish unless told otherwise.
var videoCodecs = []webrtc.RTPCodecParameters{
	videoCodec(webrtc.MimeTypeVP8, 96, ""),
	videoCodec(webrtc.MimeTypeH264, 125, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"),
	videoCodec(webrtc.MimeTypeH264, 108, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
	videoCodec(webrtc.MimeTypeH264, 123, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640032"),
	videoCodec(webrtc.MimeTypeVP9, 98, "profile-id=0"),
	videoCodec(webrtc.MimeTypeAV1, 35, ""),
}

func videoCodec(mime string, pt webrtc.PayloadType, fmtp string) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 90000, SDPFmtpLine: fmtp},
		PayloadType:        pt,
	}
}

var audioCodecs = []webrtc.RTPCodecParameters{
	{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: opusFmtp}, PayloadType: 111},
	{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mimeRED, ClockRate: 48000, Channels: 2, SDPFmtpLine: "111/111"}, PayloadType: 63},
	{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}, PayloadType: 0},
	{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMA, ClockRate: 8000}, PayloadType: 8},
}

func newMediaEngine(set codecSet) (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range audioCodecs {
		if !set.carries(c.MimeType) {
			continue
		}
		c.RTCPFeedback = audioFeedback(c.MimeType)
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			return nil, err
		}
	}
	for _, c := range videoCodecs {
		if !set.carries(c.MimeType) {
			continue
		}
		c.RTCPFeedback = videoFeedback(set)
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
		if err := m.RegisterCodec(rtxOf(c), webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
	}
	for _, x := range headerExtensions(set) {
		if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: x.uri}, x.kind, x.directions...); err != nil {
			return nil, fmt.Errorf("extension %s: %w", x.uri, err)
		}
	}
	return m, nil
}

func rtxOf(c webrtc.RTPCodecParameters) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", c.PayloadType)},
		PayloadType:        c.PayloadType + 1,
	}
}

// audioFeedback is a NACK for each lost packet, but of RED: there the next packet brings it anyway.
func audioFeedback(mime string) []webrtc.RTCPFeedback {
	if mime == mimeRED {
		return nil
	}
	return []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBNACK}}
}

func videoFeedback(set codecSet) []webrtc.RTCPFeedback {
	feedback := []webrtc.RTCPFeedback{
		{Type: webrtc.TypeRTCPFBCCM, Parameter: "fir"},
		{Type: webrtc.TypeRTCPFBNACK},
		{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"},
	}
	feedback = append(feedback, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBTransportCC})
	if set&subscriberCodecs != 0 {
		// For clients that do not know the former.
		feedback = append(feedback, webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBGoogREMB})
	}
	return feedback
}

type headerExtension struct {
	uri        string
	kind       webrtc.RTPCodecType
	directions []webrtc.RTPTransceiverDirection
}

func headerExtensions(set codecSet) []headerExtension {
	in := []webrtc.RTPTransceiverDirection{webrtc.RTPTransceiverDirectionRecvonly}
	if set&publisherCodecs == 0 {
		out := []webrtc.RTPTransceiverDirection{webrtc.RTPTransceiverDirectionSendonly}
		return append([]headerExtension{
			{sfu.DependencyDescriptorURI, webrtc.RTPCodecTypeVideo, out},
			{sdp.TransportCCURI, webrtc.RTPCodecTypeVideo, out},
		}, sharedExtensions(set, out)...)
	}
	if set&subscriberCodecs != 0 {
		// Chrome offers further sections with the extensions the earlier ones settled on, so a section it only receives
		// on must not be answered with fewer: it could not publish simulcast afterwards.
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
	}, sharedExtensions(set, in)...)
}

// sharedExtensions are those of both directions.
func sharedExtensions(set codecSet, ways []webrtc.RTPTransceiverDirection) []headerExtension {
	list := []headerExtension{
		{sfu.CaptureTimeURI, webrtc.RTPCodecTypeAudio, ways},
		{sfu.CaptureTimeURI, webrtc.RTPCodecTypeVideo, ways},
	}
	if set&subscriberCodecs != 0 && set&playoutDelay != 0 {
		list = append(list, headerExtension{sfu.PlayoutDelayURI, webrtc.RTPCodecTypeVideo, ways})
	}
	return list
}

// enabledCodecs is what a Room lists: each codec once, the preferred first, retransmission left out.
func enabledCodecs() []*livekit.Codec {
	var list []*livekit.Codec
	for _, c := range append(append([]webrtc.RTPCodecParameters{}, videoCodecs...), audioCodecs...) {
		if mime := strings.ToLower(c.MimeType); !listed(list, mime) {
			list = append(list, &livekit.Codec{Mime: mime})
		}
	}
	return list
}

// preference returns what a subscriber's section for a track in those codecs offers, the first of them first: the
// codecs' profiles and their retransmission types; for RED also what is inside, for those who do not take it. What the
// connection does not carry is left out.
func (set codecSet) preference(mimes ...string) []webrtc.RTPCodecParameters {
	var list []webrtc.RTPCodecParameters
	for _, mime := range mimes {
		for _, c := range audioCodecs {
			if strings.EqualFold(c.MimeType, mime) && set.carries(c.MimeType) {
				c.RTCPFeedback = audioFeedback(c.MimeType)
				list = append(list, c)
			}
		}
		if strings.EqualFold(mime, mimeRED) {
			list = append(list, set.preference(webrtc.MimeTypeOpus)...)
		}
		for _, c := range videoCodecs {
			if strings.EqualFold(c.MimeType, mime) && set.carries(c.MimeType) {
				c.RTCPFeedback = videoFeedback(subscriberCodecs)
				list = append(list, c, rtxOf(c))
			}
		}
	}
	return list
}

// carries tells whether connections of that set know the codec.
func (set codecSet) carries(mime string) bool {
	switch {
	case mime == mimeRED:
		return set&redCodec != 0
	case strings.EqualFold(mime, webrtc.MimeTypeAV1):
		return set&withoutAV1 == 0
	}
	return true
}

func randomSSRC() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.BigEndian.Uint32(b[:])
}
