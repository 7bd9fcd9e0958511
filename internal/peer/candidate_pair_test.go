package peer

import (
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

// Media follows a client whose checks come from elsewhere, but not for every check of a spare pair.
func TestMediaFollowsTheCandidatePairInUse(t *testing.T) {
	p := &pairTracker{}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	old, spare, renewed := &ice.CandidatePair{}, &ice.CandidatePair{}, &ice.CandidatePair{}
	chosen := &stun.Message{Attributes: stun.Attributes{{Type: stun.AttrUseCandidate}}}
	for i, step := range []struct {
		m     *stun.Message
		pair  *ice.CandidatePair
		after time.Duration
		moves bool
	}{
		{&stun.Message{}, spare, 0, false},
		{chosen, old, time.Second, false}, // pion follows what the client has chosen
		{&stun.Message{}, spare, 3 * time.Second, false},
		{&stun.Message{}, old, 3500 * time.Millisecond, false},
		{&stun.Message{}, renewed, 5500 * time.Millisecond, true},
		{&stun.Message{}, old, 6 * time.Second, false},
		{&stun.Message{}, renewed, 7500 * time.Millisecond, false},
		{&stun.Message{}, spare, 13 * time.Second, true},
	} {
		if got := p.check(step.m, step.pair, begin.Add(step.after)); got != step.moves {
			t.Errorf("step %d: moves %v", i, got)
		}
	}
	for range 1000 {
		p.check(&stun.Message{}, &ice.CandidatePair{}, begin)
	}
	if len(p.known) > maxKnown {
		t.Errorf("%d pairs are remembered", len(p.known))
	}
}
