package peer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// OfferedTrack is a media section on which the client sends or wants to send.
type OfferedTrack struct {
	Kind livekit.TrackType
	CID  string // the track ID in the section; some browsers put an ID there that the client does not know
	// Section is zero if the answer rejects the media section. Format is the format of the first codec in the answer.
	// SingleCodec is set if the answer has no other codec.
	Section     MediaSection
	Format      sfu.Format
	SingleCodec bool
}

// receivers returns the RTP receiver of each media section, by mid.
func (t *Transport) receivers() map[string]*webrtc.RTPReceiver {
	byMid := map[string]*webrtc.RTPReceiver{}
	for _, tr := range t.pc.GetTransceivers() {
		byMid[tr.Mid()] = tr.Receiver()
	}
	return byMid
}

// offeredTracks returns the media sections of offer on which the client sends or wants to send, with their codecs in answer.
// receivers has the RTP receivers by mid.
func offeredTracks(offer, answer *sdp.SessionDescription, receivers map[string]*webrtc.RTPReceiver) []OfferedTrack {
	answered := map[string]*sdp.MediaDescription{}
	for _, m := range answer.MediaDescriptions {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		answered[mid] = m
	}
	var tracks []OfferedTrack
	for _, m := range offer.MediaDescriptions {
		cid, sends := offeredCID(m)
		kind, known := livekit.TrackType_value[strings.ToUpper(m.MediaName.Media)]
		if !sends || cid == "" || !known {
			continue
		}
		o := OfferedTrack{Kind: livekit.TrackType(kind), CID: cid}
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		if a, r := answered[mid], receivers[mid]; a != nil && a.MediaName.Port.Value != 0 && r != nil {
			o.setAnswer(a, r)
		}
		tracks = append(tracks, o)
	}
	return tracks
}

// setAnswer sets Section, Format and SingleCodec from the media section of the answer.
func (o *OfferedTrack) setAnswer(answer *sdp.MediaDescription, receiver *webrtc.RTPReceiver) {
	params := receiver.GetParameters()
	for _, format := range answer.MediaName.Formats {
		i := slices.IndexFunc(params.Codecs, func(c webrtc.RTPCodecParameters) bool {
			return strconv.Itoa(int(c.PayloadType)) == format && !strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX)
		})
		switch {
		case i < 0:
		case o.Section == MediaSection{}:
			o.Section, o.Format, o.SingleCodec = MediaSection{receiver}, formatOf(params.Codecs[i], params), true
		case !strings.EqualFold(params.Codecs[i].MimeType, o.Format.MimeType):
			o.SingleCodec = false
		}
	}
}

// offeredCID returns the track ID in a media section of an offer, and whether the client sends or wants to send on the
// section.
func offeredCID(m *sdp.MediaDescription) (cid string, sends bool) {
	_, inactive := m.Attribute(sdp.AttrKeyInactive)
	_, receives := m.Attribute(sdp.AttrKeyRecvOnly)
	_, bundled := m.Attribute("bundle-only") // its port is 0, although it is not rejected (RFC 9143, section 6)
	return sectionCID(m), !inactive && !receives && (bundled || m.MediaName.Port.Value != 0)
}

// sectionCID returns the track ID in a media section of the client: from the section's msid attribute (RFC 8830) or, in the
// SDP of older browsers, from the first ssrc attribute (RFC 5576).
func sectionCID(m *sdp.MediaDescription) string {
	if msid, ok := m.Attribute(sdp.AttrKeyMsid); ok {
		_, cid, _ := strings.Cut(msid, " ")
		return cid
	}
	for _, a := range m.Attributes {
		if a.Key == sdp.AttrKeySSRC {
			if _, msid, ok := strings.Cut(a.Value, " msid:"); ok {
				_, cid, _ := strings.Cut(msid, " ")
				return cid
			}
		}
	}
	return ""
}
