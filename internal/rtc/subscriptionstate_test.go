package rtc

import "testing"

func TestSubscriptionStateMachineHandlesEveryEventInEveryState(t *testing.T) {
	type outcome struct {
		state  subscriptionState
		effect subscriptionEffect
	}
	const (
		negotiating = subscriptionNegotiating
		bound       = subscriptionBound
		unplayable  = subscriptionUnplayable
		ready       = subscriptionReady
		playing     = subscriptionPlaying
		ended       = subscriptionEnded
	)
	for state, want := range map[subscriptionState][5]outcome{
		// connectionNegotiated, codecsRefused, clientReady, mediaReady, subscriptionDetached
		negotiating: {{bound, noEffect}, {negotiating, noEffect}, {negotiating, noEffect}, {negotiating, noEffect}, {ended, stopMedia}},
		bound:       {{bound, noEffect}, {unplayable, refuseTrack}, {ready, tryStart}, {bound, noEffect}, {ended, stopMedia}},
		unplayable:  {{unplayable, noEffect}, {unplayable, noEffect}, {unplayable, noEffect}, {unplayable, noEffect}, {ended, stopMedia}},
		ready:       {{ready, noEffect}, {unplayable, refuseTrack}, {ready, noEffect}, {playing, startMedia}, {ended, stopMedia}},
		playing:     {{playing, noEffect}, {unplayable, refuseTrack}, {playing, noEffect}, {playing, noEffect}, {ended, stopMedia}},
		ended:       {{ended, noEffect}, {ended, noEffect}, {ended, noEffect}, {ended, noEffect}, {ended, noEffect}},
	} {
		for e := connectionNegotiated; e <= subscriptionDetached; e++ {
			var got outcome
			if got.state, got.effect = state.next(e); got != want[e] {
				t.Errorf("event %d in state %d leads to %v, want %v", e, state, got, want[e])
			}
		}
	}
}
