package rtc

import (
	"testing"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// subscription returns g's subscription to the track sid. The test fails if there is none.
func (g *testClient) subscription(sid string) (s *Subscription) {
	g.t.Helper()
	g.inspect(func(p *Participant) { s = p.subscribing.subscriptions[sid] })
	if s == nil {
		g.t.Fatalf("no subscription of %s", sid)
	}
	return s
}

func TestBandwidthPriorityFavorsScreenShareAndMainSpeaker(t *testing.T) {
	h := newHarness(t)
	ada, cy, bo := h.join(request("ada")), h.join(request("cy")), h.join(request("bo"))
	adas := bo.subscription(ada.publishWithoutMedia(livekit.TrackType_VIDEO).info.Sid)
	cys := bo.subscription(cy.publishWithoutMedia(livekit.TrackType_VIDEO).info.Sid)
	priorities := func(when string, ada, cy int) {
		t.Helper()
		bo.inspect(func(*Participant) {
			if a, c := adas.priority(), cys.priority(); a != ada || c != cy {
				t.Errorf("%s: priorities %d and %d, want %d and %d", when, a, c, ada, cy)
			}
		})
	}
	setLevels := func(a, c float32, ticks int) {
		bo.inspect(func(p *Participant) {
			p.room.ticker.Stop() // the levels do not come from audio
			ada.participant.publishing.level, cy.participant.publishing.level = a, c
			for range ticks {
				p.room.updateMainSpeaker()
			}
		})
	}
	priorities("nobody has spoken", 0, 0)
	bo.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: &livekit.UpdateTrackSettings{
		TrackSids: []string{cys.pub.info.Sid}, Priority: 1 << 31,
	}}})
	priorities("the client sets a priority", 0, maxPriority)
	setLevels(0.5, 0, 1)
	priorities("the first to speak", speakerPriority, maxPriority)
	setLevels(0, 1, mainSpeakerTicks-1)
	priorities("a short noise", speakerPriority, maxPriority)
	setLevels(0.5, 0, 1)
	setLevels(0.5, 1, mainSpeakerTicks)
	priorities("another participant speaks", 0, speakerPriority)
	setLevels(0, 0, mainSpeakerTicks)
	priorities("silence", 0, speakerPriority)
	bo.inspect(func(*Participant) { adas.pub.info.Source = livekit.TrackSource_SCREEN_SHARE })
	priorities("a shared screen", screenPriority, speakerPriority)
}

func TestVideoPausedForBandwidthLowersSubscribersConnectionScore(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	pub := ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	s := bo.subscription(pub.info.Sid)
	gotState := func(state livekit.StreamState, times int) bool {
		n := 0
		for _, m := range bo.sink.all() {
			for _, st := range m.GetStreamStateUpdate().GetStreamStates() {
				if st.State == state && st.TrackSid == pub.info.Sid && st.ParticipantSid == ada.participant.sid() {
					n++
				}
			}
		}
		return n == times
	}
	score := func(want float64) {
		t.Helper()
		bo.inspect(func(*Participant) {
			if got := s.bandwidthScore(); got != want {
				t.Errorf("the score is %v, want %v", got, want)
			}
		})
	}
	score(bestScore)
	pause := func(track *sfu.DownTrack, paused bool) {
		bo.inspect(func(p *Participant) { p.subscribing.videoPaused([]sfu.PauseChange{{Track: track, Paused: paused}}) })
	}
	pause(s.down, true)
	score(poorScore)
	if !gotState(livekit.StreamState_PAUSED, 1) || grade(poorScore) != poor || grade(goodScore) != good {
		t.Errorf("bo got %v", bo.sink.all())
	}
	bo.inspect(func(p *Participant) { p.subscribing.sendAllStreamStates() })
	if !gotState(livekit.StreamState_PAUSED, 2) {
		t.Error("the paused state was not repeated")
	}
	pause(s.down, false)
	score(bestScore)
	if !gotState(livekit.StreamState_ACTIVE, 1) {
		t.Error("bo did not get the end of the pause")
	}
	bo.choose(pub.info.Sid, false)
	pause(s.down, true)
	if !gotState(livekit.StreamState_PAUSED, 2) {
		t.Error("bo got the state of a track that it no longer receives")
	}
}
