package rtc

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

const (
	// pathSilent is how long no check may come by the path in use before another one is followed by which one does.
	// Clients check theirs every two to three seconds, so one of their checks may be lost.
	pathSilent = 5 * time.Second
	// pathRenewed is the same for a path by which nothing has come before: a client that is suddenly somewhere else. It is
	// less than the time between two checks, so the first one from there is followed.
	pathRenewed = 1500 * time.Millisecond
	// maxKnown bounds the paths that are remembered.
	maxKnown = 32
	// pathCheck is how long a client that has resumed has to show that its path still works. One that receives media
	// reports on it several times a second; for any other an ICE restart in vain costs nothing.
	pathCheck = time.Second
)

// route follows by which pair of candidates a client comes, so that it is followed to a new address at once, such as the
// one its router gives it anew. The client that chooses a pair says so, and pion follows that; but some only check the pair
// they chose before, from wherever they are now.
type route struct {
	heard atomic.Int64 // when a check last came, in Unix nanoseconds

	// Touched by pion's agent only.
	current *ice.CandidatePair
	at      time.Time            // of the latest check on it
	known   []*ice.CandidatePair // the latest, the oldest first
}

// check takes note of a check of the client's and tells whether media is to go where it came from.
func (r *route) check(m *stun.Message, pair *ice.CandidatePair, now time.Time) bool {
	r.heard.Store(now.UnixNano())
	limit := pathSilent
	if !slices.Contains(r.known, pair) {
		limit = pathRenewed
		r.known = append(r.known[max(0, len(r.known)+1-maxKnown):], pair)
	}
	if pair == r.current || r.current == nil || m.Contains(stun.AttrUseCandidate) {
		r.current, r.at = pair, now
		return false
	}
	if now.Sub(r.at) < limit {
		return false
	}
	r.current, r.at = pair, now
	return true
}

// checkPath restarts ICE if nothing has come from the client since then.
func (t *Transport) checkPath(since time.Time) {
	t.work.Post(func() {
		if t.closed || t.pc.route.heard.Load() >= since.UnixNano() {
			return
		}
		if pair, ok := t.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats(); ok && pair.LastPacketReceivedTimestamp.Time().After(since) {
			return
		}
		t.log.Debug("nothing comes by the old path")
		t.resumeOffers(true)
	})
}
