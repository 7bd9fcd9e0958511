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
	// heartbeatInterval is how often the time is stored while rooms are open. A crash shortens a meeting's record by at
	// most this duration.
	heartbeatInterval = 10 * time.Second
	// writeTimeout bounds one round of writing. Records that fail are written in the next round.
	writeTimeout = 2 * time.Second
	heartbeatKey = "alive"
)

// load reads all records. It ends meetings that a crash left open. Such a meeting ends at its last arrival or
// departure, or at the last heartbeat if that is later.
func (l *Lobby) load(ctx context.Context) error {
	if err := l.meetings.Compact(ctx); err != nil {
		return err
	}
	alive, err := l.heartbeat.Get(ctx, heartbeatKey)
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
			m.end(later(m.lastEvent(), alive))
			l.markDirtyLocked(m.ID, m)
		}
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(a, b *Meeting) int { return a.EndedAt.Compare(b.EndedAt) })
	for _, m := range all {
		l.addEndedLocked(m)
	}
	return nil
}

// writeChanges writes changed meetings and the heartbeat until the lobby closes, then writes what remains.
func (l *Lobby) writeChanges() {
	tick := time.NewTicker(heartbeatInterval)
	defer tick.Stop()
	for {
		select {
		case <-l.wake:
		case now := <-tick.C:
			l.writeHeartbeat(now)
		case <-l.stop:
			l.flush()
			return
		}
		l.flush()
	}
}

// flush writes the latest state of every changed meeting. Records that fail are kept for the next round.
func (l *Lobby) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	for id, m := range l.takeDirty() {
		if err := l.write(ctx, id, m); err != nil {
			l.options.Log.Warn("could not write a meeting's record; trying again", "meeting", id, "err", err)
			l.requeue(id, m)
		}
	}
}

// write stores a meeting's record, or deletes it if m is nil.
func (l *Lobby) write(ctx context.Context, id string, m *Meeting) error {
	if m == nil {
		return l.meetings.Delete(ctx, id)
	}
	return l.meetings.Put(ctx, id, *m)
}

// takeDirty returns copies of the changed meetings and clears the list. Copies are needed because open meetings keep
// changing.
func (l *Lobby) takeDirty() map[string]*Meeting {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := make(map[string]*Meeting, len(l.dirty))
	for id, m := range l.dirty {
		if m != nil {
			m = m.clone()
		}
		taken[id] = m
	}
	clear(l.dirty)
	return taken
}

// requeue marks a meeting to be written again, unless a newer state is already waiting.
func (l *Lobby) requeue(id string, m *Meeting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, newer := l.dirty[id]; !newer {
		l.dirty[id] = m
	}
}

// writeHeartbeat stores the current time if any room is open.
func (l *Lobby) writeHeartbeat(now time.Time) {
	l.mu.Lock()
	idle := len(l.live) == 0
	l.mu.Unlock()
	if idle {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	if err := l.heartbeat.Put(ctx, heartbeatKey, now); err != nil {
		l.options.Log.Warn("could not write the lobby's heartbeat", "err", fmt.Errorf("write %s: %w", heartbeatKey, err))
	}
}
