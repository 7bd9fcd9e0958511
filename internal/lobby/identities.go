package lobby

import (
	"crypto/sha256"
	"sync"
	"time"

	"meet/internal/source"
)

const (
	// maxReserved bounds the number of reservations in memory, at about 100 bytes each.
	maxReserved = 1 << 16
	// maxReservedPerRequester bounds the reservations of one requester, so that a few requesters cannot use up
	// maxReserved.
	maxReservedPerRequester = 2048
)

// reservations records which identities tokens were issued for, and to which requester, until these tokens expire. An
// identity in a room belongs to the requester that got it first. Reservations are in memory only: after a restart no
// participant is connected whose identity could be taken.
type reservations struct {
	mu           sync.Mutex
	byKey        map[reservationKey]reservation
	perRequester map[requester]int // number of reservations of each requester
	lastExpiry   time.Time         // when expired reservations were last removed
}

// reservationKey is a hash of a room's name and an identity. Clients choose both, and both can be long.
type reservationKey [16]byte

// requester distinguishes clients that ask for tokens, by a hash of their network address.
type requester [16]byte

// reservation is one reserved identity.
type reservation struct {
	owner requester // zero if this server did not issue the token
	until time.Time
}

// newReservations returns an empty set of reservations.
func newReservations() *reservations {
	return &reservations{byKey: map[reservationKey]reservation{}, perRequester: map[requester]int{}}
}

// keyOf returns the key of an identity in a room.
func keyOf(room, identity string) reservationKey {
	sum := sha256.Sum256([]byte(room + "\x00" + identity)) // no room name contains a zero byte
	return reservationKey(sum[:16])
}

// requesterAt returns the requester at a network address.
func requesterAt(address string) requester {
	sum := sha256.Sum256([]byte("address " + source.Key(address)))
	return requester(sum[:16])
}

// reserve reserves an identity for a requester until the given time. It reports false if another requester holds the
// identity or the bounds on reservations are reached.
func (r *reservations) reserve(room, identity string, by requester, until, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := keyOf(room, identity)
	old, taken := r.byKey[key]
	if taken && now.Before(old.until) && old.owner != by {
		return false
	}
	if taken {
		r.removeLocked(key)
	}
	if len(r.byKey) >= maxReserved || r.perRequester[by] >= maxReservedPerRequester {
		r.expireLocked(now)
	}
	if len(r.byKey) >= maxReserved || r.perRequester[by] >= maxReservedPerRequester {
		return false
	}
	if old.owner == by && old.until.After(until) {
		until = old.until
	}
	r.byKey[key] = reservation{by, until}
	r.perRequester[by]++
	return true
}

// extend prolongs the reservation of an identity for its present holder. If the identity is not reserved, because the
// token was issued elsewhere, it adds a reservation without a holder.
func (r *reservations) extend(room, identity string, until, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := keyOf(room, identity)
	old, taken := r.byKey[key]
	if !taken && len(r.byKey) >= maxReserved {
		if r.expireLocked(now); len(r.byKey) >= maxReserved {
			return
		}
	}
	if taken && !now.Before(old.until) { // expired: another requester's token may be in use now
		r.removeLocked(key)
		old, taken = reservation{}, false
	}
	if !taken {
		r.perRequester[old.owner]++
	}
	if until.After(old.until) {
		old.until = until
	}
	r.byKey[key] = old
}

// expireLocked removes expired reservations. It runs at most once a second, because it visits all reservations.
func (r *reservations) expireLocked(now time.Time) {
	if now.Sub(r.lastExpiry) < time.Second {
		return
	}
	r.lastExpiry = now
	for key, one := range r.byKey {
		if !now.Before(one.until) {
			r.removeLocked(key)
		}
	}
}

// removeLocked removes a reservation and lowers its holder's count.
func (r *reservations) removeLocked(key reservationKey) {
	by := r.byKey[key].owner
	delete(r.byKey, key)
	if r.perRequester[by]--; r.perRequester[by] <= 0 {
		delete(r.perRequester, by)
	}
}
