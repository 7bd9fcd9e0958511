package rtc

import (
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// A section whose track has gone is taken for the next one only when the client has agreed that it carries none: until
// then pion would not find it free, and make one for both directions.
func TestSectionIsNotUsedAgainBeforeTheAnswer(t *testing.T) {
	h := newHouse(t)
	ada := h.join(request("ada"))
	mic, noise := ada.showTrack(livekit.TrackType_AUDIO), ada.showTrack(livekit.TrackType_AUDIO)
	req := request("bo")
	req.AutoSubscribe = false
	req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: "2.23.0", Protocol: 17, Browser: "Chrome"}
	bo := h.join(req)
	bo.accept()
	offers := 1
	offered := func(what string) {
		t.Helper()
		offers++
		eventually(t, what, func() bool { return len(bo.sink.offers()) == offers })
	}
	bo.choose(mic.info.Sid, true)
	offered("a section")
	bo.accept()
	bo.choose(mic.info.Sid, false)
	offered("a section without its track")
	bo.choose(noise.info.Sid, true) // while that is not answered
	bo.state(func(*Participant) {})
	tr := bo.participant.subscriber
	if err := tr.work.Do(t.Context(), func() {
		for _, s := range tr.pc.GetTransceivers() {
			if s.Direction() == webrtc.RTPTransceiverDirectionSendrecv {
				t.Error("a section for both directions")
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	bo.accept()
	offered("a section for the other track")
	bo.accept()
	bo.choose(noise.info.Sid, false)
	offered("both without a track")
	bo.accept()
	if err := tr.work.Do(t.Context(), func() {
		if n := tr.offers.reuse.free[webrtc.RTPCodecTypeAudio]; n != 2 {
			t.Errorf("%d sections are free, of two that the client has agreed carry nothing", n)
		}
	}); err != nil {
		t.Fatal(err)
	}
}
