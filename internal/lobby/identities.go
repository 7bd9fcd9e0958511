package lobby

import (
	"crypto/sha256"
	"sync"
	"time"

	"meet/internal/source"
)

const (
	// maxReserved bounds the identities that are remembered, at some 100 bytes each.
	maxReserved = 1 << 16
	// maxReservedByOne bounds those of one requester, so that a few of them cannot use up all.
	maxReservedByOne = 2048
)

// reservations remembers which identities tokens were issued for, and to whom, until those tokens expire. An identity in
// a room belongs to the requester that got it first. They are kept in memory only: after a restart nobody is in a room
// whose place could be taken.
type reservations struct {
	mu     sync.Mutex
	all    map[reserved]reservation
	counts map[requester]int // of all, by requester
	swept  time.Time         // when those that had expired were removed
}

// reserved is the sum of a room's name and an identity: both are of a stranger's choosing, and long.
type reserved [16]byte

// requester tells those who ask for tokens apart, as well as a server can: by a sum of their network address.
type requester [16]byte

type reservation struct {
	by    requester // zero for somebody who got the token elsewhere
	until time.Time
}

func newReservations() *reservations {
	return &reservations{all: map[reserved]reservation{}, counts: map[requester]int{}}
}

func reservedKey(room, identity string) reserved {
	sum := sha256.Sum256([]byte(room + "\x00" + identity)) // no name holds a zero
	return reserved(sum[:16])
}

// requesterAt returns the requester at a network address.
func requesterAt(address string) requester {
	sum := sha256.Sum256([]byte("address " + source.Key(address)))
	return requester(sum[:16])
}

// reserve reports whether by may have a token for the identity until then, and keeps it for them.
func (r *reservations) reserve(room, identity string, by requester, until, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := reservedKey(room, identity)
	old, taken := r.all[key]
	if taken && now.Before(old.until) && old.by != by {
		return false
	}
	if taken {
		r.removeLocked(key)
	}
	if len(r.all) >= maxReserved || r.counts[by] >= maxReservedByOne {
		r.expireLocked(now)
	}
	if len(r.all) >= maxReserved || r.counts[by] >= maxReservedByOne {
		return false
	}
	if old.by == by && old.until.After(until) {
		until = old.until
	}
	r.all[key] = reservation{by, until}
	r.counts[by]++
	return true
}

// extend keeps an identity for whoever has it until then, or for a bearer of a token that was issued elsewhere.
func (r *reservations) extend(room, identity string, until, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := reservedKey(room, identity)
	old, taken := r.all[key]
	if !taken && len(r.all) >= maxReserved {
		if r.expireLocked(now); len(r.all) >= maxReserved {
			return
		}
	}
	if taken && !now.Before(old.until) { // it had expired, and somebody else's token may be in use now
		r.removeLocked(key)
		old, taken = reservation{}, false
	}
	if !taken {
		r.counts[old.by]++
	}
	if until.After(old.until) {
		old.until = until
	}
	r.all[key] = old
}

// expireLocked removes reservations that have expired, once a second at most: it looks at all of them.
func (r *reservations) expireLocked(now time.Time) {
	if now.Sub(r.swept) < time.Second {
		return
	}
	r.swept = now
	for key, one := range r.all {
		if !now.Before(one.until) {
			r.removeLocked(key)
		}
	}
}

func (r *reservations) removeLocked(key reserved) {
	by := r.all[key].by
	delete(r.all, key)
	if r.counts[by]--; r.counts[by] <= 0 {
		delete(r.counts, by)
	}
}
