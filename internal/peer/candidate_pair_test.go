package peer

import (
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

func TestSelectedCandidatePairFollowsTheClientsChecks(t *testing.T) {
	p := &pairTracker{}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	old, spare, renewed := &ice.CandidatePair{}, &ice.CandidatePair{}, &ice.CandidatePair{}
	nominated := &stun.Message{Attributes: stun.Attributes{{Type: stun.AttrUseCandidate}}}
	for i, step := range []struct {
		m       *stun.Message
		pair    *ice.CandidatePair
		after   time.Duration
		selects bool
	}{
		{&stun.Message{}, spare, 0, false},
		{nominated, old, time.Second, false}, // Pion itself selects a nominated pair
		{&stun.Message{}, spare, 3 * time.Second, false},
		{&stun.Message{}, old, 3500 * time.Millisecond, false},
		{&stun.Message{}, renewed, 5500 * time.Millisecond, true},
		{&stun.Message{}, old, 6 * time.Second, false},
		{&stun.Message{}, renewed, 7500 * time.Millisecond, false},
		{&stun.Message{}, spare, 13 * time.Second, true},
	} {
		if got := p.observeCheck(step.m, step.pair, start.Add(step.after)); got != step.selects {
			t.Errorf("step %d: selected %v", i, got)
		}
	}
	for range 1000 {
		p.observeCheck(&stun.Message{}, &ice.CandidatePair{}, start)
	}
	if len(p.known) > maxKnownPairs {
		t.Errorf("%d pairs are stored", len(p.known))
	}
}
