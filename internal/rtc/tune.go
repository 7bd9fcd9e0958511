package rtc

import (
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// opusWish is how a client wants to send one audio track.
type opusWish struct {
	cids   []string
	stereo bool
	dtx    bool // leave silence out
}

func (p *Participant) opusWishes() []opusWish {
	var wishes []opusWish
	for _, t := range p.pending {
		wishes = append(wishes, opusWish{t.cids, t.info.Stereo, !t.info.DisableDtx})
	}
	for _, pub := range p.publications {
		wishes = append(wishes, opusWish{pub.cids, pub.info.Stereo, !pub.info.DisableDtx})
	}
	return wishes
}

// tuneAnswer returns a function that writes into an answer how Opus is to be sent: browsers take stereo and
// discontinuous transmission from the remote description (RFC 7587, section 6.1; livekit-protocol.md, 2.8).
func tuneAnswer(wishes []opusWish) func(answer, offer *sdp.SessionDescription) {
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
			i := slices.IndexFunc(wishes, func(w opusWish) bool { return cid != "" && slices.Contains(w.cids, cid) })
			if m.MediaName.Media == webrtc.RTPCodecTypeAudio.String() && i >= 0 {
				tuneOpus(m, wishes[i])
			}
		}
	}
}

func tuneOpus(m *sdp.MediaDescription, w opusWish) {
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
