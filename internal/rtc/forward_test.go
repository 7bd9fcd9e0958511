package rtc

import (
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// The publisher is asked for the layers that a viewer in the other room wants. The request ends when the viewer
// disables the track, or when the publisher is removed from the other room.
func TestPublisherGetsLayerRequestsFromTheRoomItIsForwardedTo(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	ada.send(addTrack("a", livekit.TrackType_VIDEO, livekit.TrackSource_CAMERA))
	ada.sendMedia(webrtc.MimeTypeVP8, "a")
	ada.negotiate()
	eventually(t, "the track is published", func() bool { return len(h.published()) == 1 })
	sid := h.published()[0].Sid
	req := request("cy")
	req.Room = "other"
	cy := h.join(req)
	if err := h.Forward(t.Context(), "room", "ada", "other"); err != nil {
		t.Fatal(err)
	}
	demandIs := func(want demandLevel) func() bool {
		return func() bool {
			var got demandLevel
			ada.inspect(func(p *Participant) { got = p.publishing.publications[sid].codecs[0].mirrorDemand() })
			return got == want
		}
	}
	eventually(t, "cy receives all layers", demandIs(demandLevel(livekit.VideoQuality_HIGH)))
	cy.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: &livekit.UpdateTrackSettings{
		TrackSids: []string{sid}, Disabled: true,
	}}})
	eventually(t, "cy disables the track", demandIs(noDemand))
	cy.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: &livekit.UpdateTrackSettings{
		TrackSids: []string{sid}, Quality: livekit.VideoQuality_HIGH,
	}}})
	eventually(t, "cy enables the track", demandIs(demandLevel(livekit.VideoQuality_HIGH)))
	if err := h.Remove(t.Context(), "other", "ada", longAgo); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mirror has no viewer", demandIs(noDemand))
}
