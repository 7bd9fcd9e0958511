package rtc

import (
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// What is watched in another room counts where the track comes from, so that its publisher sends it; and no longer
// once it is not watched, or not shown there.
func TestDemandInForwardedRoomReachesPublisher(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	ada.send(addTrack("a", livekit.TrackType_VIDEO, livekit.TrackSource_CAMERA))
	ada.sendMedia(webrtc.MimeTypeVP8, "a")
	ada.negotiate()
	eventually(t, "the track is there", func() bool { return len(h.published()) == 1 })
	sid := h.published()[0].Sid
	req := request("cy")
	req.Room = "other"
	cy := h.join(req)
	if err := h.Forward(t.Context(), "room", "ada", "other"); err != nil {
		t.Fatal(err)
	}
	watchedThere := func(want demandLevel) func() bool {
		return func() bool {
			var got demandLevel
			ada.inspect(func(p *Participant) { got = p.publishing.publications[sid].codecs[0].mirrorDemand() })
			return got == want
		}
	}
	eventually(t, "cy watches all of it", watchedThere(demandLevel(livekit.VideoQuality_HIGH)))
	cy.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: &livekit.UpdateTrackSettings{
		TrackSids: []string{sid}, Disabled: true,
	}}})
	eventually(t, "cy looks away", watchedThere(noDemand))
	cy.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: &livekit.UpdateTrackSettings{
		TrackSids: []string{sid}, Quality: livekit.VideoQuality_HIGH,
	}}})
	eventually(t, "cy looks back", watchedThere(demandLevel(livekit.VideoQuality_HIGH)))
	if err := h.Remove(t.Context(), "other", "ada", longAgo); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody watches", watchedThere(noDemand))
}
