package peer

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

const (
	// pairSilent is how long no check may come from the candidate pair in use before the tracker follows a check from
	// another one. Clients check their pair every two to three seconds, so one of these checks may be lost.
	pairSilent = 5 * time.Second
	// pairRenewed is the same limit for a pair from which no check has come before: the client's address has just changed.
	// It is less than the time between two checks, so the first check from there is followed.
	pairRenewed = 1500 * time.Millisecond
	// maxKnown bounds the pairs that are remembered.
	maxKnown = 32
)

// pairTracker tracks which ICE candidate pair a client uses, so that media follows the client at once to a new address,
// such as one that its router has just given it. A client that changes its pair nominates the new one, and pion follows
// that. Some clients only check the pair that they nominated before, from whatever address they have.
type pairTracker struct {
	checked atomic.Int64 // when the latest check came, in Unix nanoseconds

	// Touched by pion's agent only.
	current *ice.CandidatePair
	at      time.Time            // of the latest check on it
	known   []*ice.CandidatePair // the latest, the oldest first
}

// check notes a connectivity check of the client and reports whether media is to be sent to where the check came from.
func (p *pairTracker) check(m *stun.Message, pair *ice.CandidatePair, now time.Time) bool {
	p.checked.Store(now.UnixNano())
	limit := pairSilent
	if !slices.Contains(p.known, pair) {
		limit = pairRenewed
		p.known = append(p.known[max(0, len(p.known)+1-maxKnown):], pair)
	}
	if pair == p.current || p.current == nil || m.Contains(stun.AttrUseCandidate) {
		p.current, p.at = pair, now
		return false
	}
	if now.Sub(p.at) < limit {
		return false
	}
	p.current, p.at = pair, now
	return true
}

// RestartICEIfSilent restarts ICE if nothing has come from the client since then.
func (t *Transport) RestartICEIfSilent(since time.Time) {
	t.work.Post(func() {
		if t.closed || t.pc.pairs.checked.Load() >= since.UnixNano() {
			return
		}
		if pair, ok := t.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats(); ok && pair.LastPacketReceivedTimestamp.Time().After(since) {
			return
		}
		t.log.Debug("nothing comes over the old candidate pair")
		t.resumeOffers(true)
	})
}
