package rtc

import (
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// What is watched in another room counts where the track comes from, so that its publisher sends it; and no longer
// once it is not watched, or not shown there.
func TestWatchingInAnotherRoomCountsForThePublisher(t *testing.T) {
	h := newHouse(t)
	ada := h.join(request("ada"))
	ada.say(addTrack("a", livekit.TrackType_VIDEO, livekit.TrackSource_CAMERA))
	ada.sends(webrtc.MimeTypeVP8, "a")
	ada.negotiate()
	eventually(t, "the track is there", func() bool { return len(h.published()) == 1 })
	sid := h.published()[0].Sid
	req := request("cy")
	req.Room = "other"
	cy := h.join(req)
	if err := h.Forward(t.Context(), "room", "ada", "other"); err != nil {
		t.Fatal(err)
	}
	watchedThere := func(want watched) func() bool {
		return func() bool {
			var got watched
			ada.state(func(p *Participant) { got = p.publishing.publications[sid].codecs[0].watchedElsewhere() })
			return got == want
		}
	}
	eventually(t, "cy watches all of it", watchedThere(watched(livekit.VideoQuality_HIGH)))
	cy.say(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: &livekit.UpdateTrackSettings{
		TrackSids: []string{sid}, Disabled: true,
	}}})
	eventually(t, "cy looks away", watchedThere(unwatched))
	cy.say(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: &livekit.UpdateTrackSettings{
		TrackSids: []string{sid}, Quality: livekit.VideoQuality_HIGH,
	}}})
	eventually(t, "cy looks back", watchedThere(watched(livekit.VideoQuality_HIGH)))
	if err := h.Remove(t.Context(), "other", "ada", longAgo); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody watches", watchedThere(unwatched))
}
