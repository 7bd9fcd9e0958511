package peer

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
)

// AnswerPreferences control the answer to a client's offer.
type AnswerPreferences struct {
	Tracks []SendPreference // the tracks that the client has announced or publishes
	// Disabled are the codecs that the client must not publish. They are removed from the media sections on which it sends.
	Disabled []*livekit.Codec
}

// SendPreference describes how a client wants to send one track in one codec. A track that is sent in two codecs (simulcast
// codecs) has two SendPreferences.
type SendPreference struct {
	Kind        livekit.TrackType
	CIDs        []string // the IDs that the track may have in the client's SDP
	MimeType    string   // such as "video/vp9"; "" expresses no preference
	SingleCodec bool     // the answer has only this codec, because the client ignores the order of codecs
	Stereo      bool
	DTX         bool // discontinuous transmission: send nothing during silence
}

// apply changes answer according to the preferences. It adds stereo and DTX, because browsers take both from the remote
// description (RFC 7587, section 6.1). It moves the preferred codec to the front, because browsers send the first codec in
// the remote description (docs/protocol.md, 2.8). It removes the disabled codecs from the sections on which the client
// sends.
func (p AnswerPreferences) apply(answer, offer *sdp.SessionDescription) {
	matched := p.matchTracks(offer)
	sending := sendingSections(offer)
	for _, m := range answer.MediaDescriptions {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		if sending[mid] {
			removeCodecs(m, p.Disabled)
		}
		track := matched[mid]
		if track == nil {
			continue
		}
		preferCodec(m, track.MimeType)
		switch {
		case track.Kind == livekit.TrackType_AUDIO:
			track.setOpusParameters(m)
		case track.SingleCodec:
			keepCodec(m, track.MimeType)
		}
	}
}

// sendingSections returns the set of mids of the media sections on which the client sends or wants to send.
func sendingSections(offer *sdp.SessionDescription) map[string]bool {
	mids := map[string]bool{}
	for _, m := range offer.MediaDescriptions {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		_, mids[mid] = offeredCID(m)
	}
	return mids
}

// matchTracks finds the track of each media section on which the client sends or wants to send. The keys of the returned map
// are the mids of the sections. First, it matches sections and tracks of the same kind by the track ID in the SDP. Some
// browsers put other IDs into the SDP (docs/protocol.md, 3.2). Each section with an unknown ID then gets the first unmatched
// track of its kind that has CIDs.
func (p AnswerPreferences) matchTracks(offer *sdp.SessionDescription) map[string]*SendPreference {
	matched := map[string]*SendPreference{}
	taken := make([]bool, len(p.Tracks))
	take := func(m *sdp.MediaDescription, fits func(track *SendPreference) bool) {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		for i := range p.Tracks {
			if track := &p.Tracks[i]; matched[mid] == nil && !taken[i] && strings.EqualFold(m.MediaName.Media, track.Kind.String()) && fits(track) {
				matched[mid], taken[i] = track, true
			}
		}
	}
	var unknown []*sdp.MediaDescription
	for _, m := range offer.MediaDescriptions {
		cid, sends := offeredCID(m)
		if !sends {
			continue
		}
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		if take(m, func(track *SendPreference) bool { return slices.Contains(track.CIDs, cid) }); matched[mid] == nil {
			unknown = append(unknown, m)
		}
	}
	for _, m := range unknown {
		take(m, func(track *SendPreference) bool { return len(track.CIDs) > 0 })
	}
	return matched
}

// preferCodec moves the payload types of the codec mime to the front and retains the order of the others.
func preferCodec(m *sdp.MediaDescription, mime string) {
	name := codecName(mime)
	wanted := map[string]bool{} // by payload type
	for _, a := range m.Attributes {
		pt, encoding, _ := strings.Cut(a.Value, " ")
		if codec, _, _ := strings.Cut(strings.ToLower(encoding), "/"); a.Key == "rtpmap" && codec == name {
			wanted[pt] = true
		}
	}
	slices.SortStableFunc(m.MediaName.Formats, func(a, b string) int {
		switch {
		case wanted[a] == wanted[b]:
			return 0
		case wanted[a]:
			return -1
		}
		return 1
	})
}

// keepCodec removes all codecs except mime from the media section. If the section does not have the codec mime, keepCodec
// does nothing.
func keepCodec(m *sdp.MediaDescription, mime string) {
	keepCodecs(m, func(name string) bool { return name == codecName(mime) })
}

// removeCodecs removes codecs from the media section. If the section has no other codecs, removeCodecs does nothing.
func removeCodecs(m *sdp.MediaDescription, codecs []*livekit.Codec) {
	keepCodecs(m, func(name string) bool {
		return name != "rtx" && !slices.ContainsFunc(codecs, func(c *livekit.Codec) bool { return name == codecName(c.Mime) })
	})
}

// keepCodecs removes all codecs from the media section except the wanted ones and their retransmission formats. If the
// section has no wanted codec, it does nothing.
func keepCodecs(m *sdp.MediaDescription, wanted func(name string) bool) {
	kept := map[string]bool{} // by payload type
	for _, a := range m.Attributes {
		pt, encoding, _ := strings.Cut(a.Value, " ")
		if name, _, _ := strings.Cut(strings.ToLower(encoding), "/"); a.Key == "rtpmap" && wanted(name) {
			kept[pt] = true
		}
	}
	if len(kept) == 0 {
		return
	}
	for _, a := range m.Attributes {
		pt, parameters, _ := strings.Cut(a.Value, " ")
		if of, ok := strings.CutPrefix(parameters, "apt="); a.Key == "fmtp" && ok && kept[of] {
			kept[pt] = true
		}
	}
	m.MediaName.Formats = slices.DeleteFunc(m.MediaName.Formats, func(pt string) bool { return !kept[pt] })
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
		pt, _, _ := strings.Cut(a.Value, " ")
		return (a.Key == "rtpmap" || a.Key == "fmtp" || a.Key == "rtcp-fb") && pt != "*" && !kept[pt]
	})
}

// setOpusParameters adds the format parameters for DTX and stereo to Opus in the media section m.
func (p *SendPreference) setOpusParameters(m *sdp.MediaDescription) {
	extra := ""
	if p.DTX {
		extra += ";usedtx=1"
	}
	if p.Stereo {
		extra += ";stereo=1;maxaveragebitrate=510000"
	}
	for i, a := range m.Attributes {
		if a.Key == "fmtp" && strings.Contains(a.Value, opusFmtp) {
			m.Attributes[i].Value = a.Value + extra
		}
	}
}

// codecName returns the codec of a MIME type in lower case, such as "vp8" for "video/VP8".
func codecName(mime string) string {
	_, name, _ := strings.Cut(strings.ToLower(mime), "/")
	return name
}
