package peer

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

const (
	// pairTimeout is how long the current pair may receive no connectivity check. After this time, the tracker switches to
	// another pair as soon as the other pair receives a check. Clients check their pair every 2 to 3 s, so the loss of one
	// check does not cause a switch.
	pairTimeout = 5 * time.Second
	// newPairTimeout replaces pairTimeout for the first check on another pair, because such a check means that the client's
	// address has just changed. It is shorter than the interval of checks, so the tracker switches to the other pair at that
	// first check.
	newPairTimeout = 1500 * time.Millisecond
	// maxKnownPairs bounds pairTracker.known.
	maxKnownPairs = 32
)

// pairTracker tracks which ICE candidate pair a client uses, so that media follows the client immediately to a new address,
// for example after NAT rebinding. A client that switches to another pair should nominate the new pair, and Pion then
// selects it without the tracker. But some clients do not nominate the new pair. They only continue to send checks, from
// their current address.
type pairTracker struct {
	lastCheck atomic.Int64 // time of the latest check on any pair, in Unix nanoseconds

	// The following fields are used only by the goroutine of Pion's ICE agent.
	current      *ice.CandidatePair
	currentCheck time.Time            // time of the latest check on current
	known        []*ice.CandidatePair // the latest pairs that received a check, oldest first
}

// observeCheck records a connectivity check of the client on pair. It reports whether Pion has to be instructed to select
// pair. It returns false if the check nominates the pair, because then Pion selects it without an instruction.
func (p *pairTracker) observeCheck(m *stun.Message, pair *ice.CandidatePair, now time.Time) bool {
	p.lastCheck.Store(now.UnixNano())
	limit := pairTimeout
	if !slices.Contains(p.known, pair) {
		limit = newPairTimeout
		p.known = append(p.known[max(0, len(p.known)+1-maxKnownPairs):], pair)
	}
	if pair == p.current || p.current == nil || m.Contains(stun.AttrUseCandidate) {
		p.current, p.currentCheck = pair, now
		return false
	}
	if now.Sub(p.currentCheck) < limit {
		return false
	}
	p.current, p.currentCheck = pair, now
	return true
}

// RestartICEIfSilent restarts ICE unless something has been received from the client after the given time.
func (t *Transport) RestartICEIfSilent(since time.Time) {
	t.work.Post(func() {
		if t.closed || t.pc.pairs.lastCheck.Load() >= since.UnixNano() {
			return
		}
		if pair, ok := t.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats(); ok && pair.LastPacketReceivedTimestamp.Time().After(since) {
			return
		}
		t.log.Debug("restarting ICE because the candidate pair receives nothing")
		t.resumeOffers(true)
	})
}
