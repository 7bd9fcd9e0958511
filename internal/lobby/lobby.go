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

// maxListed is the number of ended meetings that are shown. maxStored is the number of records in the store. Older
// records are deleted.
const (
	maxListed = 100
	maxStored = 1000
)

// Options configures a lobby. APIKey and APISecret sign tokens.
type Options struct {
	APIKey, APISecret string
	ServerURL         func(region string) string // server that browsers of a region connect to; nil or "" means this server
	// Present reports whether a participant with this identity is in the room. If it is nil, no identity counts as
	// present.
	Present func(room, identity string) bool
	Log     *slog.Logger
}

// Lobby holds the open rooms and the records of meetings. Its methods may be called from any goroutine.
type Lobby struct {
	options      Options
	meetings     *store.Bucket[Meeting]
	heartbeat    *store.Bucket[time.Time]
	reservations *reservations
	wake         chan struct{} // capacity 1: wakes writeChanges
	stop         chan struct{}
	stopOnce     sync.Once
	wg           sync.WaitGroup

	mu          sync.Mutex
	live        map[string]*liveRoom // by SID
	ended       []*Meeting           // the latest maxListed, oldest first; the meetings do not change any more
	stored      []string             // IDs of all ended meetings in the store, oldest first
	dirty       map[string]*Meeting  // meetings that the store does not have yet; nil means delete
	subscribers map[chan struct{}]struct{}
}

// liveRoom is an open room and the meeting in it.
type liveRoom struct {
	Room
	meeting Meeting
}

// New reads the records from the store and ends those that a crash left open.
func New(ctx context.Context, s *store.Store, o Options) (*Lobby, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Lobby{
		options:      o,
		reservations: newReservations(),
		wake:         make(chan struct{}, 1),
		stop:         make(chan struct{}),
		live:         map[string]*liveRoom{},
		dirty:        map[string]*Meeting{},
		subscribers:  map[chan struct{}]struct{}{},
	}
	var err error
	if l.meetings, err = store.OpenBucket[Meeting](ctx, s, "meetings"); err != nil {
		return nil, fmt.Errorf("open lobby: %w", err)
	}
	if l.heartbeat, err = store.OpenBucket[time.Time](ctx, s, "lobby"); err != nil {
		return nil, fmt.Errorf("open lobby: %w", err)
	}
	if err := l.load(ctx); err != nil {
		return nil, fmt.Errorf("open lobby: %w", err)
	}
	l.wg.Go(l.writeChanges) // ends when stop is closed
	return l, nil
}

// Close writes all remaining changes and ends the lobby's goroutine.
func (l *Lobby) Close() {
	l.stopOnce.Do(func() { close(l.stop) })
	l.wg.Wait()
}

// isDeserted reports whether everybody has left the room. The room stays open for some seconds, so that a participant
// that returns continues the meeting, but the lobby shows the meeting as ended.
func (r *liveRoom) isDeserted() bool {
	return r.NumParticipants == 0 && r.meeting.Count > 0 && !r.meeting.hasParticipants()
}

// Rooms returns the open rooms that are not deserted, newest first.
func (l *Lobby) Rooms() []Room {
	l.mu.Lock()
	defer l.mu.Unlock()
	rooms := make([]Room, 0, len(l.live))
	for _, r := range l.live {
		if !r.isDeserted() {
			rooms = append(rooms, r.Room)
		}
	}
	slices.SortFunc(rooms, func(a, b Room) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.SID, b.SID))
	})
	return rooms
}

// Meetings returns the latest meetings that have ended or that everybody has left. The meeting that ended last comes
// first. Callers must not change them.
func (l *Lobby) Meetings() []*Meeting {
	l.mu.Lock()
	defer l.mu.Unlock()
	meetings := slices.Clone(l.ended)
	for _, r := range l.live {
		if r.isDeserted() {
			m := r.meeting.clone()
			m.end(m.lastEvent())
			meetings = append(meetings, m)
		}
	}
	slices.SortStableFunc(meetings, func(a, b *Meeting) int { return b.EndedAt.Compare(a.EndedAt) })
	return meetings
}

// Subscribe returns a channel that is notified after changes to rooms or meetings, until cancel is called. Several
// changes may cause one notification.
func (l *Lobby) Subscribe() (changes <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1) // if it is full, the reader has not looked yet and will see the latest state
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subscribers[c] = struct{}{}
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.subscribers, c)
	}
}

// isLive reports whether a room with this name is open.
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
