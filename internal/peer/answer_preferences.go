package peer

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
)

// AnswerPreferences say how the answer to a client's offer is written.
type AnswerPreferences struct {
	Tracks []SendPreference // that the client has announced or publishes
	// Disabled are codecs that the client must not publish: they are removed from the media sections on which it sends.
	Disabled []*livekit.Codec
}

// SendPreference says how a client wants to send one track in one codec.
type SendPreference struct {
	Kind        livekit.TrackType
	CIDs        []string // the track IDs by which the client's SDP may name it
	MimeType    string   // such as "video/vp9"; "" leaves the codec to the client
	SingleCodec bool     // the answer names this codec alone, because the client ignores the order of codecs
	Stereo      bool
	DTX         bool // leave silence out
}

// apply writes the preferences into an answer: browsers take stereo and discontinuous transmission from the remote
// description (RFC 7587, section 6.1), and send the codec that stands first in it (docs/protocol.md, 2.8). Where the
// client sends, the codecs it is not to publish are removed.
func (p AnswerPreferences) apply(answer, offer *sdp.SessionDescription) {
	matched := p.match(offer)
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
			track.tuneOpus(m)
		case track.SingleCodec:
			keepCodec(m, track.MimeType)
		}
	}
}

// sendingSections returns the mids of the media sections on which the client offers to send.
func sendingSections(offer *sdp.SessionDescription) map[string]bool {
	mids := map[string]bool{}
	for _, m := range offer.MediaDescriptions {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		_, mids[mid] = offeredCID(m)
	}
	return mids
}

// match finds the track for each media section on which the client offers to send, by mid: the track with the section's
// track ID, else the first track of the section's kind that has no section, because some browsers put other IDs there
// (docs/protocol.md, 3.2).
func (p AnswerPreferences) match(offer *sdp.SessionDescription) map[string]*SendPreference {
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

// preferCodec moves the payload types of a codec to the front and keeps their order.
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

// keepCodec leaves only one codec in the media section, if the section has it.
func keepCodec(m *sdp.MediaDescription, mime string) {
	keepCodecs(m, func(name string) bool { return name == codecName(mime) })
}

// removeCodecs removes codecs from the media section, unless it has no others.
func removeCodecs(m *sdp.MediaDescription, codecs []*livekit.Codec) {
	keepCodecs(m, func(name string) bool {
		return name != "rtx" && !slices.ContainsFunc(codecs, func(c *livekit.Codec) bool { return name == codecName(c.Mime) })
	})
}

// keepCodecs leaves only the payload types of the wanted codecs in the media section, and their retransmissions. Without any
// wanted codec nothing changes.
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

// tuneOpus asks the client for the track's form of Opus.
func (p *SendPreference) tuneOpus(m *sdp.MediaDescription) {
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

// codecName returns a MIME type's codec in lower case, without the kind.
func codecName(mime string) string {
	_, name, _ := strings.Cut(strings.ToLower(mime), "/")
	return name
}
