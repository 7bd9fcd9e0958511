package rtc

import (
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

func addTrack(cid string, kind livekit.TrackType, source livekit.TrackSource) *livekit.SignalRequest {
	return &livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{Cid: cid, Type: kind, Source: source}}}
}

func notAllowed(m *livekit.SignalResponse) bool {
	return m.GetRequestResponse().GetReason() == livekit.RequestResponse_NOT_ALLOWED
}

// Somebody who may publish a microphone only sends pictures under the name of a microphone.
func TestVideoWithMicrophoneGrantIsNotPublished(t *testing.T) {
	h := newHarness(t)
	req := request("mallory")
	req.Info.Permission.CanPublishSources = []livekit.TrackSource{livekit.TrackSource_MICROPHONE}
	m := h.join(req)
	m.send(addTrack("x", livekit.TrackType_VIDEO, livekit.TrackSource_MICROPHONE))
	if !m.sink.got(notAllowed) {
		t.Error("a picture that calls itself a microphone was allowed")
	}
	m.send(addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE))
	m.sendMedia(webrtc.MimeTypeVP8, "a")
	m.negotiate()
	eventually(t, "the picture came and was kept aside", func() bool {
		early := 0
		m.inspect(func(p *Participant) { early = len(p.publishing.earlyMedia) })
		return early > 0 || len(h.published()) > 0
	})
	if tracks := h.published(); len(tracks) != 0 {
		t.Errorf("the picture was published as %v", tracks)
	}
}

// Media of somebody hidden reaches nobody.
func TestTrackOfHiddenParticipantHasNoSubscribers(t *testing.T) {
	h := newHarness(t)
	bo := h.join(request("bo"))
	req := request("ghost")
	req.Info.Permission.Hidden = true
	ghost := h.join(req)
	ghost.send(addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE))
	ghost.sendMedia(webrtc.MimeTypeOpus, "a")
	ghost.negotiate()
	eventually(t, "the track is there", func() bool { return len(h.published()) == 1 })
	var subscriptions int
	bo.inspect(func(p *Participant) { subscriptions = len(p.subscribing.subscriptions) })
	if subscriptions != 0 {
		t.Error("bo is subscribed to somebody hidden")
	}
}
