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

// OfferedTrack is a media section on which the client offers to send.
type OfferedTrack struct {
	Kind livekit.TrackType
	CID  string // the track ID in the section, which some browsers make up
	// Section is zero if the media section was rejected. Format is that of the first codec of the answer; Only reports
	// whether the answer has no other.
	Section     MediaSection
	Format      sfu.Format
	SingleCodec bool
}

// receivers returns the receiver of each media section, by mid.
func (t *Transport) receivers() map[string]*webrtc.RTPReceiver {
	byMid := map[string]*webrtc.RTPReceiver{}
	for _, tr := range t.pc.GetTransceivers() {
		byMid[tr.Mid()] = tr.Receiver()
	}
	return byMid
}

// offeredTracks lists the media sections on which the client offers to send, with what the answer makes of them.
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
			o.settle(a, r)
		}
		tracks = append(tracks, o)
	}
	return tracks
}

// settle notes the media section of the answer and the codec that stands first there.
func (o *OfferedTrack) settle(answer *sdp.MediaDescription, receiver *webrtc.RTPReceiver) {
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

// offeredCID reports whether the client sends on the media section, and returns the track ID there.
func offeredCID(m *sdp.MediaDescription) (cid string, sends bool) {
	_, inactive := m.Attribute(sdp.AttrKeyInactive)
	_, receives := m.Attribute(sdp.AttrKeyRecvOnly)
	_, bundled := m.Attribute("bundle-only") // which has no port of its own (RFC 9143, section 6)
	return sectionCID(m), !inactive && !receives && (bundled || m.MediaName.Port.Value != 0)
}

// sectionCID returns the track ID in a media section of the client: that of the section (RFC 8830) or, as older browsers
// write it, that of its first source (RFC 5576).
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
