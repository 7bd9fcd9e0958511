package rtc

import (
	"sync"
	"time"

	"meet/internal/fault"
)

// errBanned refuses a participant that was removed and comes back with a token from before.
var errBanned = fault.New(fault.Denied, "you were removed from this meeting; ask its host for a new invitation")

const (
	// banTime is how long tokens from before a removal are refused at least. Tokens of LiveKit's SDKs are valid for six
	// hours by default, and one identity may have several.
	banTime = 24 * time.Hour
	// banLeeway is how much the clocks of the tokens' issuer and ours may differ.
	banLeeway = time.Minute
	// maxBans bounds the bans that are remembered; the one that would be forgotten first anyway is dropped.
	maxBans = 10_000
)

// ban refuses an identity's tokens that were issued before a time. It is forgotten once those tokens have expired.
type ban struct{ before, until time.Time }

type banKey struct{ room, identity string }

// bans are kept apart from rooms: an empty room ends, and a new one may take its name.
type bans struct {
	mu  sync.Mutex
	all map[banKey]ban
}

func (l *bans) add(room, identity string, b ban) { l.addAt(room, identity, b, time.Now()) }

func (l *bans) addAt(room, identity string, b ban, now time.Time) {
	b.until = later(b.until.Add(banLeeway), now.Add(banTime))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[banKey]ban{}
	}
	key := banKey{room, identity}
	if old, ok := l.all[key]; ok {
		b = ban{later(b.before, old.before), later(b.until, old.until)}
	} else if len(l.all) >= maxBans {
		l.evictLocked(now)
	}
	l.all[key] = b
}

// lift forgets the ban of an identity.
func (l *bans) remove(room, identity string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, banKey{room, identity})
}

// evictLocked forgets the bans that have expired, else the one that would expire first.
func (l *bans) evictLocked(now time.Time) {
	var first banKey
	for key, b := range l.all {
		if now.After(b.until) {
			delete(l.all, key)
		} else if until := l.all[first].until; until.IsZero() || b.until.Before(until) {
			first = key
		}
	}
	if len(l.all) >= maxBans {
		delete(l.all, first)
	}
}

// refuse returns an error if a token of that identity is banned that was issued at the given time.
func (l *bans) check(room, identity string, issued, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.all[banKey{room, identity}]; ok && issued.Before(b.before) && now.Before(b.until) {
		return errBanned
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
