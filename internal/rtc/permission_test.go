package rtc

import (
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// addTrack returns a request that announces a track.
func addTrack(cid string, kind livekit.TrackType, source livekit.TrackSource) *livekit.SignalRequest {
	return &livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{Cid: cid, Type: kind, Source: source}}}
}

// notAllowed reports whether m refuses a request with NOT_ALLOWED.
func notAllowed(m *livekit.SignalResponse) bool {
	return m.GetRequestResponse().GetReason() == livekit.RequestResponse_NOT_ALLOWED
}

// In this test a client may publish only a microphone. The server refuses video that it announces with the source
// microphone, and does not publish video that it sends on an audio track.
func TestMicrophoneGrantDoesNotAllowVideoLabelledAsMicrophone(t *testing.T) {
	h := newHarness(t)
	req := request("mallory")
	req.Info.Permission.CanPublishSources = []livekit.TrackSource{livekit.TrackSource_MICROPHONE}
	m := h.join(req)
	m.send(addTrack("x", livekit.TrackType_VIDEO, livekit.TrackSource_MICROPHONE))
	if !m.sink.got(notAllowed) {
		t.Error("video with the source microphone was allowed")
	}
	m.send(addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE))
	m.sendMedia(webrtc.MimeTypeVP8, "a")
	m.negotiate()
	eventually(t, "the video has arrived and is stored", func() bool {
		early := 0
		m.inspect(func(p *Participant) { early = len(p.publishing.earlyMedia) })
		return early > 0 || len(h.published()) > 0
	})
	if tracks := h.published(); len(tracks) != 0 {
		t.Errorf("the video was published as %v", tracks)
	}
}

func TestTrackOfHiddenParticipantHasNoSubscribers(t *testing.T) {
	h := newHarness(t)
	bo := h.join(request("bo"))
	req := request("ghost")
	req.Info.Permission.Hidden = true
	ghost := h.join(req)
	ghost.send(addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE))
	ghost.sendMedia(webrtc.MimeTypeOpus, "a")
	ghost.negotiate()
	eventually(t, "the track is published", func() bool { return len(h.published()) == 1 })
	var subscriptions int
	bo.inspect(func(p *Participant) { subscriptions = len(p.subscribing.subscriptions) })
	if subscriptions != 0 {
		t.Error("bo is subscribed to a hidden participant")
	}
}
