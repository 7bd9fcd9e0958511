package peer

import (
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// When the answer to an offer is lost with the signal connection, LiveKit's SDKs revert the offer by applying the previous
// answer again, and then send an offer with an ICE restart.
func TestOfferAfterLostAnswerRestartsICE(t *testing.T) {
	p := newPair(t, Options{Publishes: true, Subscribes: true, Loopback: true})
	if _, err := p.pc.CreateDataChannel("data", nil); err != nil {
		t.Fatal(err)
	}
	p.offer()
	connected := func() bool { return p.pc.ConnectionState() == webrtc.PeerConnectionStateConnected }
	eventually(t, "the client is connected", connected)
	if _, err := p.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	offer := func(id uint32, options *webrtc.OfferOptions) {
		t.Helper()
		sdp := p.local(p.pc.CreateOffer(options))
		p.HandleOffer(&livekit.SessionDescription{Type: "offer", Sdp: sdp, Id: id}, AnswerPreferences{})
	}
	offer(2, nil)
	p.onWorker(func() {}) // wait until the offer has been answered
	p.remote(webrtc.SDPTypeAnswer, p.pc.CurrentRemoteDescription().SDP)
	offer(3, &webrtc.OfferOptions{ICERestart: true})
	p.onWorker(func() {})
	p.mu.Lock()
	answers := p.answers
	p.mu.Unlock()
	if len(answers) != 3 || answers[1].Id != 2 || answers[2].Id != 3 {
		t.Fatalf("%d answers: %v", len(answers), answers)
	}
	if pair, ok := p.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats(); ok {
		t.Fatalf("after the ICE restart there is still a candidate pair: %v", pair)
	}
	p.remote(webrtc.SDPTypeAnswer, answers[2].Sdp)
	eventually(t, "the client is connected again", func() bool {
		_, ok := p.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats()
		return ok && connected()
	})
}

// A media section becomes free when the server has sent an answer in which the section carries no track. Before that, Pion
// would put another track on a new section, which is not in the client's offer. So the track must wait.
func TestTrackWaitsUntilAnAnswerFreesAMediaSection(t *testing.T) {
	p := newPair(t, Options{Publishes: true, Subscribes: true})
	if _, err := p.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	first, second := p.downTrack("first"), p.downTrack("second")
	p.AddTrack(first, nil)
	p.offer()
	p.RemoveTrack(first, false)
	p.AddTrack(second, nil)
	p.offer() // frees the section
	p.offer() // uses it again
	p.mu.Lock()
	carried := p.answers[len(p.answers)-1].MidToTrackId
	p.mu.Unlock()
	if carried["0"] != "second" {
		t.Errorf("the sections carry %v", carried)
	}
	p.onWorker(func() {
		if n := len(p.Transport.pc.GetTransceivers()); n != 1 {
			t.Errorf("the server has %d sections, want only the one of the client", n)
		}
	})
}

// The server must put the track on the free section and must not request another section.
func TestTrackUsesFreeMediaSectionOfTheClientsOffer(t *testing.T) {
	p := newPair(t, Options{Publishes: true, Subscribes: true})
	if _, err := p.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	p.offer()
	p.AddTrack(p.downTrack("track"), nil)
	p.Negotiate()
	p.offer()
	p.mu.Lock()
	defer p.mu.Unlock()
	if carried := p.answers[len(p.answers)-1].MidToTrackId; carried["0"] != "track" {
		t.Errorf("the sections carry %v", carried)
	}
	if len(p.needs) != 1 || p.needs[0] != [2]uint32{} {
		t.Errorf("the server requested %v, want an offer without further sections", p.needs)
	}
}
