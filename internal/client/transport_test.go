package client

import (
	"net/netip"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// The first offer is sent in the join request. Its answer may arrive before the offer is set as the local
// description.
func TestAnswerThatArrivesBeforeLocalDescriptionIsApplied(t *testing.T) {
	media, err := newWebRTCAPI(&Options{})
	if err != nil {
		t.Fatal(err)
	}
	send := func(*livekit.SignalRequest) error { return nil }
	ours, err := newTransport(media, livekit.SignalTarget_PUBLISHER, netip.AddrPort{}, send)
	if err != nil {
		t.Fatal(err)
	}
	var answer *livekit.SessionDescription
	server, err := newTransport(media, livekit.SignalTarget_SUBSCRIBER, netip.AddrPort{}, func(m *livekit.SignalRequest) error {
		if m.GetAnswer() != nil {
			answer = m.GetAnswer()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, tr := range []*transport{ours, server} {
			if err := tr.close(); err != nil {
				t.Error(err)
			}
		}
	})
	if err := ours.addReceivers(webrtc.RTPCodecTypeAudio, 1); err != nil {
		t.Fatal(err)
	}
	offer, err := ours.firstOffer()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return server.acceptOffer(offer) },
		func() error { return ours.acceptAnswer(answer) },
		ours.setFirstOffer,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if !ours.answered(offer.Id) || ours.pc.SignalingState() != webrtc.SignalingStateStable {
		t.Errorf("answered %v, %s", ours.answered(offer.Id), ours.pc.SignalingState())
	}
}
