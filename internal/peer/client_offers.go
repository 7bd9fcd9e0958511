package peer

import (
	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// This file is for a Transport on which the client makes the offers: the PUBLISHER connection, which in single mode also
// carries what the client receives (docs/protocol.md, 2.9).

// clientOffers holds what the client's media sections can carry in single mode.
type clientOffers struct {
	// free counts the sections the client offered to receive on that carried nothing in the last answer.
	free map[webrtc.RTPCodecType]int
	// carrying holds the track IDs of the latest answer, by the mids of their sections.
	carrying map[string]string
	// asked counts the sections requested since the client's last offer.
	asked map[webrtc.RTPCodecType]uint32
	// stale is set when something changed on sections that are there: an offer is needed though no section is missing.
	stale bool
	// waiting has no section until the client adds one. We make none ourselves: pion's sections for sending alone could
	// never receive, and clients publish on any that they offered (LiveKit's Go SDK does, on the first).
	waiting []*sfu.DownTrack
}

// HandleOffer answers the client's offer.
func (t *Transport) HandleOffer(d *livekit.SessionDescription, preferences AnswerPreferences) {
	t.work.Post(func() {
		if t.closed {
			return
		}
		if err := t.answer(d, preferences); err != nil {
			t.fail(err)
		}
	})
}

func (t *Transport) answer(d *livekit.SessionDescription, preferences AnswerPreferences) error {
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: d.Sdp}
	parsed, err := offer.Unmarshal()
	if err != nil {
		return err
	}
	if err := t.setRemote(offer, parsed); err != nil {
		return err
	}
	t.clientOffers.free = t.freeSections(parsed)
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
	preferences.apply(local, parsed)
	text, err := local.Marshal()
	if err != nil {
		return err
	}
	out.Sdp = string(text)
	t.hooks.Answer(out)
	t.hooks.OfferedTracks(offeredTracks(parsed, local, t.receivers()))

	t.clientOffers.asked, t.clientOffers.stale = nil, false
	t.clientOffers.carrying = out.MidToTrackId
	t.clientOffers.free = t.freeSections(parsed) // with those that this answer has freed
	if err := t.attachWaiting(); err != nil {
		return err
	}
	t.askSections()
	return nil
}

// freeSections counts the media sections on which the client offers only to receive, that have no track, and that had none
// in the latest answer either: pion does not use a section again whose track was removed before an answer has said so.
func (t *Transport) freeSections(offer *sdp.SessionDescription) map[webrtc.RTPCodecType]int {
	receiving := map[string]bool{}
	for _, m := range offer.MediaDescriptions {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		_, receiving[mid] = m.Attribute(sdp.AttrKeyRecvOnly)
	}
	free := map[webrtc.RTPCodecType]int{}
	for _, tr := range t.pc.GetTransceivers() {
		if _, carries := t.clientOffers.carrying[tr.Mid()]; receiving[tr.Mid()] && tr.Sender() == nil && !carries {
			free[tr.Kind()]++
		}
	}
	return free
}

// attach puts d on a free media section of the client, or keeps it until the client has added one. pion's AddTrack finds
// the free section; without one it would make a section for both directions, so it is called only if there is one.
func (t *Transport) attach(d *sfu.DownTrack) error {
	if t.clientOffers.free[d.Kind()] == 0 {
		if len(t.pc.GetTransceivers())+len(t.clientOffers.waiting) >= maxSections {
			return errSections
		}
		t.clientOffers.waiting = append(t.clientOffers.waiting, d)
		return nil
	}
	t.clientOffers.free[d.Kind()]--
	t.clientOffers.stale = true
	_, err := t.pc.AddTrack(d)
	return err
}

// attachWaiting puts the tracks that wait on the media sections the client has added.
func (t *Transport) attachWaiting() error {
	waiting := t.clientOffers.waiting
	t.clientOffers.waiting = nil
	for _, d := range waiting {
		if err := t.attach(d); err != nil {
			return err
		}
	}
	return nil
}

// askSections asks the client for the media sections that are missing and were not asked for yet, or only for an offer if
// something else has changed. Before the client's first offer there is nothing to ask: it comes by itself.
func (t *Transport) askSections() {
	if t.closed || !t.remoteSet {
		return
	}
	missing := map[webrtc.RTPCodecType]uint32{}
	for _, d := range t.clientOffers.waiting {
		missing[d.Kind()]++
	}
	audio := missing[webrtc.RTPCodecTypeAudio] - min(missing[webrtc.RTPCodecTypeAudio], t.clientOffers.asked[webrtc.RTPCodecTypeAudio])
	video := missing[webrtc.RTPCodecTypeVideo] - min(missing[webrtc.RTPCodecTypeVideo], t.clientOffers.asked[webrtc.RTPCodecTypeVideo])
	if audio == 0 && video == 0 && !t.clientOffers.stale {
		return
	}
	t.clientOffers.asked, t.clientOffers.stale = missing, false
	t.hooks.NeedSections(audio, video)
}
