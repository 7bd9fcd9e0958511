package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// sendWish is how a client wants to send one track, in one codec.
type sendWish struct {
	kind   livekit.TrackType
	cids   []string
	mime   string // such as "video/vp9"; "" leaves the codec to the client
	only   bool   // the client would send another codec of the answer, whatever comes first
	stereo bool
	dtx    bool // leave silence out
}

func (p *Participant) sendWishes() []sendWish {
	var wishes []sendWish
	add := func(info *livekit.TrackInfo, cids []string, mime string) {
		wishes = append(wishes, sendWish{info.Type, cids, mime, !p.req.obeysOrder(), info.Stereo, !info.DisableDtx})
	}
	for _, t := range p.pending {
		switch {
		case t.info.Type == livekit.TrackType_AUDIO && (t.info.DisableRed || p.req.pion()):
			add(t.info, t.cids, webrtc.MimeTypeOpus)
		case t.info.Type == livekit.TrackType_AUDIO:
			add(t.info, t.cids, mimeRED)
		case len(t.info.Codecs) == 0:
			add(t.info, t.cids, t.info.MimeType)
		}
		if t.info.Type == livekit.TrackType_VIDEO {
			for i, c := range t.info.Codecs {
				add(t.info, codecCIDs(t.cids[0], c, i == 0), c.MimeType)
			}
		}
	}
	for _, pub := range p.publications {
		for _, c := range pub.codecs {
			add(pub.info, codecCIDs(pub.cids[0], c.info, c == pub.codecs[0]), c.info.MimeType)
		}
	}
	return wishes
}

// codecCIDs lists the ids by which a client's SDP may name a track in that codec; none for one that it does not send.
func codecCIDs(announced string, c *livekit.SimulcastCodecInfo, primary bool) []string {
	var cids []string
	for _, cid := range []string{c.Cid, c.SdpCid} {
		if cid != "" {
			cids = append(cids, cid)
		}
	}
	if primary {
		cids = append(cids, announced)
	}
	return cids
}

// tuneAnswer returns a function that writes the client's wishes into an answer: browsers take stereo and discontinuous
// transmission from the remote description (RFC 7587, section 6.1), and send the codec that stands first in it
// (livekit-protocol.md, 2.8). Where the client sends, the codecs it is not to publish are removed.
func tuneAnswer(wishes []sendWish, disabled *livekit.DisabledCodecs) func(answer, offer *sdp.SessionDescription) {
	return func(answer, offer *sdp.SessionDescription) {
		granted := matchWishes(offer, wishes)
		sending := sendingSections(offer)
		for _, m := range answer.MediaDescriptions {
			mid, _ := m.Attribute(sdp.AttrKeyMID)
			if sending[mid] {
				removeCodecs(m, disabled.GetPublish())
			}
			w := granted[mid]
			if w == nil {
				continue
			}
			preferCodec(m, w.mime)
			switch {
			case w.kind == livekit.TrackType_AUDIO:
				tuneOpus(m, *w)
			case w.only:
				keepCodec(m, w.mime)
			}
		}
	}
}

// sendingSections returns the mids of the sections on which the client offers to send.
func sendingSections(offer *sdp.SessionDescription) map[string]bool {
	mids := map[string]bool{}
	for _, m := range offer.MediaDescriptions {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		_, mids[mid] = offeredCID(m)
	}
	return mids
}

// matchWishes finds the wish for each section on which the client offers to send, by mid: the one of its track id, else
// the first of its kind that has no section, because some browsers put other ids there (livekit-protocol.md, 3.2).
func matchWishes(offer *sdp.SessionDescription, wishes []sendWish) map[string]*sendWish {
	granted := map[string]*sendWish{}
	taken := make([]bool, len(wishes))
	grant := func(m *sdp.MediaDescription, fits func(w *sendWish) bool) {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		for i := range wishes {
			if w := &wishes[i]; granted[mid] == nil && !taken[i] && strings.EqualFold(m.MediaName.Media, w.kind.String()) && fits(w) {
				granted[mid], taken[i] = w, true
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
		if grant(m, func(w *sendWish) bool { return slices.Contains(w.cids, cid) }); granted[mid] == nil {
			unknown = append(unknown, m)
		}
	}
	for _, m := range unknown {
		grant(m, func(w *sendWish) bool { return len(w.cids) > 0 })
	}
	return granted
}

// preferCodec moves the payload types of that codec to the front; their order among themselves stays.
func preferCodec(m *sdp.MediaDescription, mime string) {
	name := shortName(mime)
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

// keepCodec leaves only that codec in the section, if it is there at all.
func keepCodec(m *sdp.MediaDescription, mime string) {
	keepCodecs(m, func(name string) bool { return name == shortName(mime) })
}

// removeCodecs removes codecs from the section, unless it has no others.
func removeCodecs(m *sdp.MediaDescription, codecs []*livekit.Codec) {
	keepCodecs(m, func(name string) bool {
		return name != "rtx" && !slices.ContainsFunc(codecs, func(c *livekit.Codec) bool { return name == shortName(c.Mime) })
	})
}

// keepCodecs leaves only the payload types of the wanted codecs in the section, and their retransmissions. Without any
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

func tuneOpus(m *sdp.MediaDescription, w sendWish) {
	extra := ""
	if w.dtx {
		extra += ";usedtx=1"
	}
	if w.stereo {
		extra += ";stereo=1;maxaveragebitrate=510000"
	}
	for i, a := range m.Attributes {
		if a.Key == "fmtp" && strings.Contains(a.Value, opusFmtp) {
			m.Attributes[i].Value = a.Value + extra
		}
	}
}
