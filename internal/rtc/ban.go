package rtc

import (
	"sync"
	"time"

	"meet/internal/fault"
)

// errBanned refuses a removed participant that returns with a token issued before its removal.
var errBanned = fault.New(fault.Denied, "you were removed from this meeting; ask its host for a new invitation")

const (
	// banTime is the minimum time for which a ban is stored. It must be longer than the lifetime of the tokens that
	// the participant has, which is six hours by default in LiveKit's SDKs.
	banTime = 24 * time.Hour
	// banLeeway is the tolerated difference between the token issuer's clock and the server's clock.
	banLeeway = time.Minute
	// maxBans is the maximum number of bans stored. Beyond it, the ban that expires first is dropped.
	maxBans = 10_000
)

// ban refuses an identity's tokens that were issued before issuedBefore. The ban itself ends at expires, when those
// tokens have expired.
type ban struct{ issuedBefore, expires time.Time }

// banKey identifies the participant that a ban is about.
type banKey struct{ room, identity string }

// bans holds the bans of all rooms. A ban outlives its room, because a new room may have the same name. bans may be
// used from any goroutine.
type bans struct {
	mu  sync.Mutex
	all map[banKey]ban
}

// add stores a ban. If the identity is already banned in the room, the ban gets the later issuedBefore and the later
// expires of the two.
func (l *bans) add(room, identity string, b ban) { l.addAt(room, identity, b, time.Now()) }

// addAt stores a ban like add; now is the current time.
func (l *bans) addAt(room, identity string, b ban, now time.Time) {
	b.expires = later(b.expires.Add(banLeeway), now.Add(banTime))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[banKey]ban{}
	}
	key := banKey{room, identity}
	if old, ok := l.all[key]; ok {
		b = ban{later(b.issuedBefore, old.issuedBefore), later(b.expires, old.expires)}
	} else if len(l.all) >= maxBans {
		l.evictLocked(now)
	}
	l.all[key] = b
}

// remove deletes the ban of an identity in a room.
func (l *bans) remove(room, identity string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, banKey{room, identity})
}

// evictLocked deletes the expired bans, or the ban that expires first if none has expired. The caller holds mu.
func (l *bans) evictLocked(now time.Time) {
	var first banKey
	for key, b := range l.all {
		if now.After(b.expires) {
			delete(l.all, key)
		} else if until := l.all[first].expires; until.IsZero() || b.expires.Before(until) {
			first = key
		}
	}
	if len(l.all) >= maxBans {
		delete(l.all, first)
	}
}

// check returns errBanned if the identity is banned from the room and the ban applies to its token. issuedAt is the
// time at which the token was issued, and now is the current time.
func (l *bans) check(room, identity string, issuedAt, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.all[banKey{room, identity}]; ok && issuedAt.Before(b.issuedBefore) && now.Before(b.expires) {
		return errBanned
	}
	return nil
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
