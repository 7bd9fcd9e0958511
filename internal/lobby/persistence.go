package lobby

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meet/internal/store"
)

const (
	// aliveEvery is how often the time is noted while somebody meets, so that a crash costs a meeting's record at most this much.
	aliveEvery = 10 * time.Second
	// writeTimeout bounds one round of writing; what failed is tried again with the next.
	writeTimeout = 2 * time.Second
	aliveKey     = "alive"
)

// load reads the records and ends those that were still open, at the last time anything is known of them.
func (l *Lobby) load(ctx context.Context) error {
	if err := l.meetings.Compact(ctx); err != nil {
		return err
	}
	alive, err := l.alive.Get(ctx, aliveKey)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	entries, err := l.meetings.List(ctx)
	if err != nil {
		return err
	}
	all := make([]*Meeting, 0, len(entries))
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		m := &e.Value
		if m.EndedAt.IsZero() {
			m.end(later(m.lastKnown(), alive))
			l.changeLocked(m.ID, m)
		}
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(a, b *Meeting) int { return a.EndedAt.Compare(b.EndedAt) })
	for _, m := range all {
		l.endedLocked(m)
	}
	return nil
}

// keep writes what changes until the lobby closes, and then what is left.
func (l *Lobby) keep() {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.wake:
		case now := <-tick.C:
			l.noteAlive(now)
		case <-l.stop:
			l.flush()
			return
		}
		l.flush()
	}
}

// flush writes the latest state of every changed meeting; what fails stays for the next round.
func (l *Lobby) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	for id, m := range l.takeChanged() {
		if err := l.write(ctx, id, m); err != nil {
			l.options.Log.Warn("meeting not recorded yet", "meeting", id, "err", err)
			l.putBack(id, m)
		}
	}
}

func (l *Lobby) write(ctx context.Context, id string, m *Meeting) error {
	if m == nil {
		return l.meetings.Delete(ctx, id)
	}
	return l.meetings.Put(ctx, id, *m)
}

// takeChanged returns copies, since those of live meetings go on changing.
func (l *Lobby) takeChanged() map[string]*Meeting {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := make(map[string]*Meeting, len(l.changed))
	for id, m := range l.changed {
		if m != nil {
			m = m.clone()
		}
		taken[id] = m
	}
	clear(l.changed)
	return taken
}

func (l *Lobby) putBack(id string, m *Meeting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, newer := l.changed[id]; !newer {
		l.changed[id] = m
	}
}

func (l *Lobby) noteAlive(now time.Time) {
	l.mu.Lock()
	idle := len(l.live) == 0
	l.mu.Unlock()
	if idle {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	if err := l.alive.Put(ctx, aliveKey, now); err != nil {
		l.options.Log.Warn("time not noted", "err", fmt.Errorf("write %s: %w", aliveKey, err))
	}
}
