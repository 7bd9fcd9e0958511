package lobby

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"meet/internal/store"
)

// maxListed is how many meetings are shown; maxKept, how many records the store holds before the oldest goes.
const (
	maxListed = 100
	maxKept   = 1000
)

// Options is what a lobby may be told. APIKey and APISecret sign tokens; without them none are handed out.
type Options struct {
	APIKey, APISecret string
	ServerURL         func(region string) string // where a region's browsers are sent; nil or "" is this server
	// Present reports whether a participant of that identity is in the room of that name. Nil: it never is.
	Present func(room, identity string) bool
	Log     *slog.Logger
}

// Lobby is the list of live rooms and the record of meetings.
type Lobby struct {
	options  Options
	meetings *store.Bucket[Meeting]
	alive    *store.Bucket[time.Time]
	reserved *reservations
	wake     chan struct{} // holds one mark; another one would say the same
	stop     chan struct{}
	stopOnce sync.Once
	wg       sync.WaitGroup

	mu          sync.Mutex
	live        map[string]*liveRoom // by SID
	ended       []*Meeting           // the latest maxListed, oldest first; never changed once here
	kept        []string             // IDs of all ended meetings in the store, oldest first
	changed     map[string]*Meeting  // what the store does not have yet; nil is a deletion
	subscribers map[chan struct{}]struct{}
}

type liveRoom struct {
	Room
	meeting Meeting
}

// New opens the records and ends those that a crash left open.
func New(ctx context.Context, s *store.Store, o Options) (*Lobby, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Lobby{
		options:     o,
		reserved:    newReservations(),
		wake:        make(chan struct{}, 1),
		stop:        make(chan struct{}),
		live:        map[string]*liveRoom{},
		changed:     map[string]*Meeting{},
		subscribers: map[chan struct{}]struct{}{},
	}
	var err error
	if l.meetings, err = store.OpenBucket[Meeting](ctx, s, "meetings"); err != nil {
		return nil, fmt.Errorf("open lobby: %w", err)
	}
	if l.alive, err = store.OpenBucket[time.Time](ctx, s, "lobby"); err != nil {
		return nil, fmt.Errorf("open lobby: %w", err)
	}
	if err := l.load(ctx); err != nil {
		return nil, fmt.Errorf("open lobby: %w", err)
	}
	l.wg.Go(l.keep) // ends when stop is closed
	return l, nil
}

// Close writes what is not yet written and ends the lobby's goroutine.
func (l *Lobby) Close() {
	l.stopOnce.Do(func() { close(l.stop) })
	l.wg.Wait()
}

// deserted tells whether everybody has left. Such a room is kept for some seconds, so that who comes back continues the
// meeting; to people who look at the lobby it is over.
func (r *liveRoom) deserted() bool {
	return r.NumParticipants == 0 && r.meeting.Count > 0 && !r.meeting.attended()
}

// Rooms returns the live rooms, the newest first.
func (l *Lobby) Rooms() []Room {
	l.mu.Lock()
	defer l.mu.Unlock()
	rooms := make([]Room, 0, len(l.live))
	for _, r := range l.live {
		if !r.deserted() {
			rooms = append(rooms, r.Room)
		}
	}
	slices.SortFunc(rooms, func(a, b Room) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.SID, b.SID))
	})
	return rooms
}

// Meetings returns the latest meetings that have ended or that everybody has left, the last one first. Callers do not change them.
func (l *Lobby) Meetings() []*Meeting {
	l.mu.Lock()
	defer l.mu.Unlock()
	meetings := slices.Clone(l.ended)
	for _, r := range l.live {
		if r.deserted() {
			m := r.meeting.clone()
			m.end(m.lastKnown())
			meetings = append(meetings, m)
		}
	}
	slices.SortStableFunc(meetings, func(a, b *Meeting) int { return b.EndedAt.Compare(a.EndedAt) })
	return meetings
}

// Subscribe returns a channel that gets a mark after any number of changes to rooms or meetings, until cancel.
func (l *Lobby) Subscribe() (changes <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1) // full: the reader has yet to look, and will then see the latest
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subscribers[c] = struct{}{}
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.subscribers, c)
	}
}

func (l *Lobby) isLive(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.live {
		if r.Name == name {
			return true
		}
	}
	return false
}
