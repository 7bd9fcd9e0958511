package rtc

import (
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
}

// takeOffer answers the client's offer. tune may change the answer's text for the client; it runs on the worker.
func (t *Transport) takeOffer(d *livekit.SessionDescription, tune func(answer *sdp.SessionDescription, offer *sdp.SessionDescription)) {
	t.work.post(func() {
		if t.closed {
			return
		}
		if err := t.answer(d, tune); err != nil {
			t.hooks.failed(err)
		}
	})
}

func (t *Transport) answer(d *livekit.SessionDescription, tune func(answer, offer *sdp.SessionDescription)) error {
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: d.Sdp}
	parsed, err := offer.Unmarshal()
	if err != nil {
		return err
	}
	if err := t.setRemote(offer); err != nil {
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
	t.hooks.sending(sendingCIDs(parsed))

	t.sections.free = t.freeSections(parsed)
	t.sections.asked = nil
	t.askSections(false)
	return nil
}

// sendingCIDs lists the track ids of the sections on which the client sends.
func sendingCIDs(offer *sdp.SessionDescription) []string {
	var cids []string
	for _, m := range offer.MediaDescriptions {
		_, inactive := m.Attribute(sdp.AttrKeyInactive)
		_, receives := m.Attribute(sdp.AttrKeyRecvOnly)
		if msid, ok := m.Attribute(sdp.AttrKeyMsid); ok && !inactive && !receives {
			_, cid, _ := strings.Cut(msid, " ")
			cids = append(cids, cid)
		}
	}
	return cids
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

// sendTrackOnSection gives d a section of the client's that is free, or notes that one more is needed. The client has to
// offer again either way, unless its first offer is still to come.
func (t *Transport) sendTrackOnSection(d *sfu.DownTrack) {
	t.work.post(func() {
		if t.closed {
			return
		}
		reused, err := t.attach(d)
		if err != nil {
			t.hooks.failed(err)
			return
		}
		t.reports.Add(d)
		if t.remoteSet {
			t.askSections(reused)
		}
	})
}

// attach puts d on a free section. pion's AddTrack finds it; it would make a section for both directions if there were
// none, so it is asked only when there is.
func (t *Transport) attach(d *sfu.DownTrack) (reused bool, err error) {
	if t.sections.free[d.Kind()] > 0 {
		t.sections.free[d.Kind()]--
		_, err = t.pc.AddTrack(d)
		return true, err
	}
	_, err = t.pc.AddTransceiverFromTrack(d, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	return false, err
}

// renegotiate asks the client for an offer, after something was taken off the connection.
func (t *Transport) renegotiate() { t.work.post(func() { t.askSections(true) }) }

// askSections asks for the sections that are missing and were not asked for yet; with force also when none are, merely
// to obtain an offer.
func (t *Transport) askSections(force bool) {
	if t.closed {
		return
	}
	missing := map[webrtc.RTPCodecType]uint32{}
	for _, tr := range t.pc.GetTransceivers() {
		if tr.Mid() == "" && tr.Sender() != nil {
			missing[tr.Kind()]++
		}
	}
	audio := missing[webrtc.RTPCodecTypeAudio] - min(missing[webrtc.RTPCodecTypeAudio], t.sections.asked[webrtc.RTPCodecTypeAudio])
	video := missing[webrtc.RTPCodecTypeVideo] - min(missing[webrtc.RTPCodecTypeVideo], t.sections.asked[webrtc.RTPCodecTypeVideo])
	if audio == 0 && video == 0 && !force {
		return
	}
	t.sections.asked = missing
	t.hooks.needSections(audio, video)
}
