package rtc

import (
	"regexp"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// acceptOffer answers the server's latest offer.
func (g *testClient) acceptOffer() {
	g.t.Helper()
	eventually(g.t, "an offer", func() bool { return len(g.sink.offers()) > 0 })
	offers := g.sink.offers()
	offer := offers[len(offers)-1]
	if err := g.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer.Sdp}); err != nil {
		g.t.Fatal(err)
	}
	answer, err := g.pc.CreateAnswer(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.pc.SetLocalDescription(answer); err != nil {
		g.t.Fatal(err)
	}
	eventually(g.t, "candidates are gathered", func() bool { return g.pc.ICEGatheringState() == webrtc.ICEGatheringStateComplete })
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Answer{
		Answer: &livekit.SessionDescription{Type: "answer", Sdp: g.pc.LocalDescription().SDP, Id: offer.Id},
	}})
}

// ICE is restarted if the client reports a media failure, even if the server has not noticed one. An offer that was
// lost with the old socket is sent again, because no other offer may follow before it is answered.
func TestResumeRestartsICEAndRepeatsLostOffer(t *testing.T) {
	h := newHarness(t)
	g := h.join(request("ada"))
	g.acceptOffer()
	eventually(t, "ada is connected", func() bool {
		connected := false
		g.inspect(func(p *Participant) { connected = p.conn.subscriber.connected })
		return connected
	})
	resume := func(reason livekit.ReconnectReason) *sink {
		t.Helper()
		back := request("ada")
		back.Reconnect, back.SID, back.Reason = true, g.participant.sid(), reason
		s := &sink{}
		if _, err := h.Join(t.Context(), back, s); err != nil {
			t.Fatal(err)
		}
		if m := s.all(); m[0].GetReconnect() == nil {
			t.Fatalf("the first message is %v", m[0])
		}
		g.participant.conn.subscriber.waitForWorker(t.Context())
		g.inspect(func(*Participant) {}) // after this, the messages posted by the worker have been sent
		return s
	}
	if offers := resume(livekit.ReconnectReason_RR_SIGNAL_DISCONNECTED).offers(); len(offers) != 0 {
		t.Errorf("an offer was sent although only the socket was lost: %v", offers)
	}
	ufrag := regexp.MustCompile(`a=ice-ufrag:\S+`)
	restart := resume(livekit.ReconnectReason_RR_SUBSCRIBER_FAILED).offers()
	if len(restart) != 1 || ufrag.FindString(restart[0].Sdp) == ufrag.FindString(g.sink.offers()[0].Sdp) {
		t.Fatalf("no ICE restart although media has failed: %v", restart)
	}
	again := resume(livekit.ReconnectReason_RR_SUBSCRIBER_FAILED).offers()
	if len(again) != 1 || again[0].Id != restart[0].Id {
		t.Errorf("the lost offer was not sent again: %v", again)
	}
}

// The timer waits for the primary connection to return. If only the secondary connection is established, it
// continues.
func TestReconnectTimerIsNotStoppedByTheSecondaryPeerConnection(t *testing.T) {
	h := newHarness(t)
	g := h.join(request("ada"))
	g.inspect(func(p *Participant) {
		p.conn.publisherTransport()
		p.info.State = livekit.ParticipantInfo_ACTIVE
		p.conn.startReturnTimer()
		p.conn.stateChanged(livekit.SignalTarget_PUBLISHER, webrtc.PeerConnectionStateConnected)
		if !p.conn.deadline.Stop() {
			t.Error("the timer for the subscriber connection was stopped")
		}
	})
}

func TestResumeSendsActiveSpeakersAndConnectionQuality(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	ada.inspect(func(p *Participant) {
		p.quality = qualityState{known: true, score: 60}
		p.publishing.level = 0.5
	})
	back := request("ada")
	back.Reconnect, back.SID = true, ada.participant.sid()
	s := &sink{}
	if _, err := h.Join(t.Context(), back, s); err != nil {
		t.Fatal(err)
	}
	if !s.got(func(m *livekit.SignalResponse) bool {
		u := m.GetConnectionQuality().GetUpdates()
		return len(u) == 1 && u[0].Quality == livekit.ConnectionQuality_GOOD && u[0].ParticipantSid == ada.participant.sid()
	}) {
		t.Error("the connection quality was not sent")
	}
	if !s.got(func(m *livekit.SignalResponse) bool {
		u := m.GetSpeakersChanged().GetSpeakers()
		return len(u) == 1 && u[0].Active && u[0].Sid == ada.participant.sid()
	}) {
		t.Error("the speakers were not sent")
	}
}
