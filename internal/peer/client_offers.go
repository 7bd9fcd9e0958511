package peer

import (
	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// This file implements offers of the client, on the PUBLISHER connection. If the client uses a single peer connection, that
// connection also carries the media that the client receives (docs/protocol.md, 2.9).

// clientOffers is the state of negotiation if the client makes the offers. It matters only if the client also receives media
// on the connection.
type clientOffers struct {
	// free is the number of receive-only sections of the client, for each kind, that carried no track in the latest answer.
	free map[webrtc.RTPCodecType]int
	// carried has the sections that carry a track in the latest answer. The keys are mids, the values are track IDs.
	carried map[string]string
	// requested is the number of sections, for each kind, that the server has requested since the client's latest offer.
	requested map[webrtc.RTPCodecType]uint32
	// needsOffer is set when a track was added to or removed from an existing section. Then a new offer is needed even if no
	// further section is needed.
	needsOffer bool
	// queued are the tracks that wait until the client adds a section. The server does not add sections itself. Clients may
	// publish on any section, but Pion can never receive on a section that it has added for sending. For example, LiveKit's
	// Go SDK publishes on the first.
	queued []*sfu.DownTrack
}

// HandleOffer answers the client's offer. The answer follows preferences.
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

// answer implements HandleOffer on the worker.
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
	if err := t.attachQueued(); err != nil {
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

	t.clientOffers.requested, t.clientOffers.needsOffer = nil, false
	t.clientOffers.carried = out.MidToTrackId
	t.clientOffers.free = t.freeSections(parsed) // including sections that this answer has freed
	if err := t.attachQueued(); err != nil {
		return err
	}
	t.requestSections()
	return nil
}

// freeSections counts the media sections on which the client only wants to receive and that carry no track. A section that
// carried a track in the latest answer does not count: Pion does not reuse the section until an answer without the track has
// been sent.
func (t *Transport) freeSections(offer *sdp.SessionDescription) map[webrtc.RTPCodecType]int {
	receiving := map[string]bool{}
	for _, m := range offer.MediaDescriptions {
		mid, _ := m.Attribute(sdp.AttrKeyMID)
		_, receiving[mid] = m.Attribute(sdp.AttrKeyRecvOnly)
	}
	free := map[webrtc.RTPCodecType]int{}
	for _, tr := range t.pc.GetTransceivers() {
		if _, carries := t.clientOffers.carried[tr.Mid()]; receiving[tr.Mid()] && tr.Sender() == nil && !carries {
			free[tr.Kind()]++
		}
	}
	return free
}

// attachOrQueue puts d on a free media section of the client, or queues d until the client has added a section. Pion's
// AddTrack selects the free section. Without a free section, AddTrack would add a section for both directions, so it is
// called only if a section is free.
func (t *Transport) attachOrQueue(d *sfu.DownTrack) error {
	if t.clientOffers.free[d.Kind()] == 0 {
		if len(t.pc.GetTransceivers())+len(t.clientOffers.queued) >= maxSections {
			return errTooManySections
		}
		t.clientOffers.queued = append(t.clientOffers.queued, d)
		return nil
	}
	t.clientOffers.free[d.Kind()]--
	t.clientOffers.needsOffer = true
	_, err := t.pc.AddTrack(d)
	return err
}

// attachQueued puts queued tracks on free media sections. Tracks without a free section remain queued.
func (t *Transport) attachQueued() error {
	waiting := t.clientOffers.queued
	t.clientOffers.queued = nil
	for _, d := range waiting {
		if err := t.attachOrQueue(d); err != nil {
			return err
		}
	}
	return nil
}

// requestSections asks the client for the media sections that are missing and not yet requested. If none is missing but
// needsOffer is set, it only asks for a new offer. Before the client's first offer it does nothing, because the client sends
// that offer without being asked.
func (t *Transport) requestSections() {
	if t.closed || !t.remoteSet {
		return
	}
	missing := map[webrtc.RTPCodecType]uint32{}
	for _, d := range t.clientOffers.queued {
		missing[d.Kind()]++
	}
	audio := missing[webrtc.RTPCodecTypeAudio] - min(missing[webrtc.RTPCodecTypeAudio], t.clientOffers.requested[webrtc.RTPCodecTypeAudio])
	video := missing[webrtc.RTPCodecTypeVideo] - min(missing[webrtc.RTPCodecTypeVideo], t.clientOffers.requested[webrtc.RTPCodecTypeVideo])
	if audio == 0 && video == 0 && !t.clientOffers.needsOffer {
		return
	}
	t.clientOffers.requested, t.clientOffers.needsOffer = missing, false
	t.hooks.NeedSections(audio, video)
}
