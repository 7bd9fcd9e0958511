package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// sendWish is how a client wants to send one track.
type sendWish struct {
	cids   []string
	mime   string // such as "video/vp9"; "" leaves the codec to the client
	stereo bool
	dtx    bool // leave silence out
}

func (p *Participant) sendWishes() []sendWish {
	var wishes []sendWish
	for _, t := range p.pending {
		mime := t.info.MimeType
		if t.info.Type == livekit.TrackType_AUDIO {
			mime = mimeRED
			if t.info.DisableRed {
				mime = webrtc.MimeTypeOpus
			}
		}
		wishes = append(wishes, sendWish{t.cids, mime, t.info.Stereo, !t.info.DisableDtx})
	}
	for _, pub := range p.publications {
		wishes = append(wishes, sendWish{pub.cids, pub.info.MimeType, pub.info.Stereo, !pub.info.DisableDtx})
	}
	return wishes
}

// tuneAnswer returns a function that writes the client's wishes into an answer: browsers take stereo and discontinuous
// transmission from the remote description (RFC 7587, section 6.1), and send the codec that stands first in it
// (livekit-protocol.md, 2.8).
func tuneAnswer(wishes []sendWish) func(answer, offer *sdp.SessionDescription) {
	return func(answer, offer *sdp.SessionDescription) {
		cids := map[string]string{} // by mid
		for _, m := range offer.MediaDescriptions {
			mid, _ := m.Attribute(sdp.AttrKeyMID)
			if msid, ok := m.Attribute(sdp.AttrKeyMsid); ok {
				_, cids[mid], _ = strings.Cut(msid, " ")
			}
		}
		for _, m := range answer.MediaDescriptions {
			mid, _ := m.Attribute(sdp.AttrKeyMID)
			cid := cids[mid]
			i := slices.IndexFunc(wishes, func(w sendWish) bool { return cid != "" && slices.Contains(w.cids, cid) })
			switch {
			case i < 0:
			case m.MediaName.Media == webrtc.RTPCodecTypeAudio.String():
				preferCodec(m, wishes[i].mime)
				tuneOpus(m, wishes[i])
			case m.MediaName.Media == webrtc.RTPCodecTypeVideo.String():
				preferCodec(m, wishes[i].mime)
			}
		}
	}
}

// preferCodec moves the payload types of that codec to the front; their order among themselves stays.
func preferCodec(m *sdp.MediaDescription, mime string) {
	_, name, _ := strings.Cut(strings.ToLower(mime), "/")
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
