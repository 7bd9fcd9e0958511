package rtc

import (
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// Somebody who leaves while DTLS still waits does not hold the room open until DTLS gives up, half a minute later.
func TestLeaveInTheMiddleOfAHandshake(t *testing.T) {
	h := newHouse(t)
	g := h.join(request("ada"))
	eventually(t, "an offer", func() bool { return len(g.sink.offers()) > 0 })
	offer := g.sink.offers()[0]
	if err := g.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: strings.ReplaceAll(offer.Sdp, "a=setup:actpass", "a=setup:active")}); err != nil {
		t.Fatal(err)
	}
	answer, err := g.pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(g.pc)
	if err := g.pc.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	// Each side is told that the other begins, so neither does.
	sdp := strings.ReplaceAll(g.pc.LocalDescription().SDP, "a=setup:passive", "a=setup:active")
	g.say(&livekit.SignalRequest{Message: &livekit.SignalRequest_Answer{Answer: &livekit.SessionDescription{Type: "answer", Sdp: sdp, Id: offer.Id}}})
	eventually(t, "the server waits in DTLS", func() bool {
		return g.participant.subscriber.pc.SCTP().Transport().State() == webrtc.DTLSTransportStateConnecting
	})
	g.say(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	eventually(t, "the room is gone", func() bool { return h.Count() == 0 })
}
