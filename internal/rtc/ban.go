package rtc

import (
	"sync"
	"time"

	"meet/internal/fault"
)

// errBanned is told to who was removed and comes back with a token of before.
var errBanned = fault.New(fault.Denied, "you were removed from this meeting; ask its host for a new invitation")

const (
	// banTime is how long tokens of before are refused at least: those of LiveKit's SDKs last six hours unless told
	// otherwise, and of one identity there may be several.
	banTime = 24 * time.Hour
	// banLeeway is how far the clocks of the one who signs tokens and ours may differ.
	banLeeway = time.Minute
	// maxBans bounds what is remembered; what would be forgotten first anyway goes first.
	maxBans = 10_000
)

// ban refuses an identity's tokens that were issued before a time. It is forgotten once they have expired.
type ban struct{ before, until time.Time }

type banned struct{ room, identity string }

// bans outlive the rooms they are of: an empty room ends, and its name is taken again.
type bans struct {
	mu  sync.Mutex
	all map[banned]ban
}

func (l *bans) add(room, identity string, b ban) { l.addAt(room, identity, b, time.Now()) }

func (l *bans) addAt(room, identity string, b ban, now time.Time) {
	b.until = later(b.until.Add(banLeeway), now.Add(banTime))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[banned]ban{}
	}
	key := banned{room, identity}
	if old, ok := l.all[key]; ok {
		b = ban{later(b.before, old.before), later(b.until, old.until)}
	} else if len(l.all) >= maxBans {
		l.makeRoomLocked(now)
	}
	l.all[key] = b
}

// lift forgets the ban of an identity.
func (l *bans) lift(room, identity string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, banned{room, identity})
}

// makeRoomLocked forgets what is over, else the one that would be over first.
func (l *bans) makeRoomLocked(now time.Time) {
	var first banned
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

// refuse tells whether a token of that identity that was issued at a time is refused.
func (l *bans) refuse(room, identity string, issued, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.all[banned{room, identity}]; ok && issued.Before(b.before) && now.Before(b.until) {
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
