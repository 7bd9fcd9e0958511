package rtc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// This file is the side of a Transport on which the client offers: the PUBLISHER connection, which in single mode also
// carries what the client receives (livekit-protocol.md, 2.9).

// sections tracks what the client's sections can carry in single mode.
type sections struct {
	// free counts the sections the client offered to receive on that carried nothing in the last answer.
	free map[webrtc.RTPCodecType]int
	// asked counts the sections requested since the client's last offer.
	asked map[webrtc.RTPCodecType]uint32
	// stale is set when something changed on sections that are there: an offer is needed though no section is missing.
	stale bool
	// waiting has no section until the client adds one. We make none ourselves: pion's sections for sending alone could
	// never receive, and clients publish on any that they offered (LiveKit's Go SDK does, on the first).
	waiting []*sfu.DownTrack
}

// takeOffer answers the client's offer. tune may change the answer's text for the client; it runs on the worker.
func (t *Transport) takeOffer(d *livekit.SessionDescription, tune func(answer *sdp.SessionDescription, offer *sdp.SessionDescription)) {
	t.work.Post(func() {
		if t.closed {
			return
		}
		if err := t.answer(d, tune); err != nil {
			t.fail(err)
		}
	})
}

func (t *Transport) answer(d *livekit.SessionDescription, tune func(answer, offer *sdp.SessionDescription)) error {
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: d.Sdp}
	parsed, err := offer.Unmarshal()
	if err != nil {
		return err
	}
	if err := t.setRemote(offer, parsed); err != nil {
		return err
	}
	t.sections.free = t.freeSections(parsed)
	if err := t.attachWaiting(); err != nil {
		return err
	}
	answer, err := t.pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	out, err := t.setLocal(answer, d.Id)
	if err != nil {
		return err
	}
	local := &sdp.SessionDescription{}
	if err := local.UnmarshalString(out.Sdp); err != nil {
		return err
	}
	tune(local, parsed)
	tuned, err := local.Marshal()
	if err != nil {
		return err
	}
	out.Sdp = string(tuned)
	t.hooks.answer(out)
	t.hooks.sending(offeredTracks(parsed, local, t.receivers()))

	t.sections.asked, t.sections.stale = nil, false
	t.askSections()
	return nil
}

// offeredTrack is a section on which the client sends.
type offeredTrack struct {
	kind livekit.TrackType
	cid  string // the track id there, which some browsers make up
	// receiver receives the section's media; nil if the section was rejected. codec is the first codec of the answer; only
	// reports whether the answer has no other.
	receiver *webrtc.RTPReceiver
	codec    webrtc.RTPCodecParameters
	only     bool
}

// receivers returns the receiver of each media section, by mid.
func (t *Transport) receivers() map[string]*webrtc.RTPReceiver {
	byMid := map[string]*webrtc.RTPReceiver{}
	for _, tr := range t.pc.GetTransceivers() {
		byMid[tr.Mid()] = tr.Receiver()
	}
	return byMid
}

// offeredTracks lists the sections on which the client offers to send, with what the answer makes of them.
func offeredTracks(offer, answer *sdp.SessionDescription, receivers map[string]*webrtc.RTPReceiver) []offeredTrack {
	answered := map[string]*sdp.MediaDescription{}
	for _, m := range answer.MediaDescriptions {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		answered[mid] = m
	}
	var tracks []offeredTrack
	for _, m := range offer.MediaDescriptions {
		cid, sends := offeredCID(m)
		kind, known := livekit.TrackType_value[strings.ToUpper(m.MediaName.Media)]
		if !sends || cid == "" || !known {
			continue
		}
		o := offeredTrack{kind: livekit.TrackType(kind), cid: cid}
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		if a, r := answered[mid], receivers[mid]; a != nil && a.MediaName.Port.Value != 0 && r != nil {
			o.settle(a, r)
		}
		tracks = append(tracks, o)
	}
	return tracks
}

// settle notes the codec that stands first in a section of the answer, and the receiver of what comes there.
func (o *offeredTrack) settle(answer *sdp.MediaDescription, receiver *webrtc.RTPReceiver) {
	codecs := receiver.GetParameters().Codecs
	for _, format := range answer.MediaName.Formats {
		i := slices.IndexFunc(codecs, func(c webrtc.RTPCodecParameters) bool {
			return strconv.Itoa(int(c.PayloadType)) == format && !strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX)
		})
		switch {
		case i < 0:
		case o.receiver == nil:
			o.receiver, o.codec, o.only = receiver, codecs[i], true
		case !strings.EqualFold(codecs[i].MimeType, o.codec.MimeType):
			o.only = false
		}
	}
}

// offeredCID tells whether the client sends on the section, and the track id there.
func offeredCID(m *sdp.MediaDescription) (cid string, sends bool) {
	_, inactive := m.Attribute(sdp.AttrKeyInactive)
	_, receives := m.Attribute(sdp.AttrKeyRecvOnly)
	_, bundled := m.Attribute("bundle-only") // which has no port of its own (RFC 9143, section 6)
	return sectionCID(m), !inactive && !receives && (bundled || m.MediaName.Port.Value != 0)
}

// sectionCID is the track id in a section of the client: of the section (RFC 8830), or as older browsers write it, of
// its first source (RFC 5576).
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

func (t *Transport) freeSections(offer *sdp.SessionDescription) map[webrtc.RTPCodecType]int {
	receiving := map[string]bool{}
	for _, m := range offer.MediaDescriptions {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		_, receiving[mid] = m.Attribute(sdp.AttrKeyRecvOnly)
	}
	free := map[webrtc.RTPCodecType]int{}
	for _, tr := range t.pc.GetTransceivers() {
		if receiving[tr.Mid()] && tr.Sender() == nil {
			free[tr.Kind()]++
		}
	}
	return free
}

// sendTrackOnSection gives d a section of the client's that is free, or one that the client has yet to add; it takes
// effect with the client's next offer.
func (t *Transport) sendTrackOnSection(d *sfu.DownTrack) {
	t.work.Post(func() {
		if t.closed {
			return
		}
		if err := t.attach(d); err != nil {
			t.fail(err)
			return
		}
		t.reports.Add(d)
	})
}

// attach puts d on a free section, or keeps it until there is one. pion's AddTrack finds the free section; it would make
// one for both directions if there were none, so it is asked only when there is.
func (t *Transport) attach(d *sfu.DownTrack) error {
	if t.sections.free[d.Kind()] == 0 {
		if len(t.pc.GetTransceivers())+len(t.sections.waiting) >= maxSections {
			return errSections
		}
		t.sections.waiting = append(t.sections.waiting, d)
		return nil
	}
	t.sections.free[d.Kind()]--
	t.sections.stale = true
	_, err := t.pc.AddTrack(d)
	return err
}

// attachWaiting puts those who wait on the sections the client has added.
func (t *Transport) attachWaiting() error {
	waiting := t.sections.waiting
	t.sections.waiting = nil
	for _, d := range waiting {
		if err := t.attach(d); err != nil {
			return err
		}
	}
	return nil
}

// askSections asks the client for the sections that are missing and were not asked for yet, or merely for an offer if
// something else has changed. Before the client's first offer there is nothing to ask: it comes by itself.
func (t *Transport) askSections() {
	if t.closed || !t.remoteSet {
		return
	}
	missing := map[webrtc.RTPCodecType]uint32{}
	for _, d := range t.sections.waiting {
		missing[d.Kind()]++
	}
	audio := missing[webrtc.RTPCodecTypeAudio] - min(missing[webrtc.RTPCodecTypeAudio], t.sections.asked[webrtc.RTPCodecTypeAudio])
	video := missing[webrtc.RTPCodecTypeVideo] - min(missing[webrtc.RTPCodecTypeVideo], t.sections.asked[webrtc.RTPCodecTypeVideo])
	if audio == 0 && video == 0 && !t.sections.stale {
		return
	}
	t.sections.asked, t.sections.stale = missing, false
	t.hooks.needSections(audio, video)
}
