package lobby

import "time"

// RoomStarted adds a live room.
func (l *Lobby) RoomStarted(r Room) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.live[r.SID]; ok {
		return
	}
	l.live[r.SID] = &liveRoom{Room: r, meeting: Meeting{ID: r.SID, Name: r.Name}}
	l.notifyLocked()
}

// RoomChanged sets a live room's head count and metadata.
func (l *Lobby) RoomChanged(sid string, numParticipants int, metadata string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.live[sid]
	if !ok || (r.NumParticipants == numParticipants && r.Metadata == metadata) {
		return
	}
	r.NumParticipants, r.Metadata = numParticipants, metadata
	l.notifyLocked()
}

// ParticipantJoined records an arrival. The first one starts the meeting.
func (l *Lobby) ParticipantJoined(roomSID string, a Arrival) {
	l.record(roomSID, func(m *Meeting) { m.join(a) })
}

// ParticipantLeft records a departure.
func (l *Lobby) ParticipantLeft(roomSID, identity string, at time.Time) {
	l.record(roomSID, func(m *Meeting) { m.leave(identity, at) })
}

func (l *Lobby) record(sid string, change func(*Meeting)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.live[sid]
	if !ok {
		return
	}
	change(&r.meeting)
	if r.meeting.Count > 0 {
		l.changeLocked(sid, &r.meeting)
		l.notifyLocked() // the last to leave makes it a meeting that was
	}
}

// RoomFinished removes a live room and ends its meeting. A room that nobody ever joined leaves no record.
func (l *Lobby) RoomFinished(sid string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.live[sid]
	if !ok {
		return
	}
	delete(l.live, sid)
	if r.meeting.Count > 0 {
		r.meeting.end(at)
		l.endedLocked(&r.meeting)
		l.changeLocked(sid, &r.meeting)
	}
	l.notifyLocked()
}

// endedLocked lists a meeting as the latest one and drops the oldest beyond what is kept.
func (l *Lobby) endedLocked(m *Meeting) {
	l.ended = append(l.ended, m)
	l.ended = l.ended[max(0, len(l.ended)-maxListed):]
	l.kept = append(l.kept, m.ID)
	for len(l.kept) > maxKept {
		l.changeLocked(l.kept[0], nil)
		l.kept = l.kept[1:]
	}
}

// changeLocked leaves the meeting's state for keep to write; nil deletes it.
func (l *Lobby) changeLocked(id string, m *Meeting) {
	l.changed[id] = m
	mark(l.wake)
}

func (l *Lobby) notifyLocked() {
	for c := range l.subscribers {
		mark(c)
	}
}

// mark never waits: a mark that is already there says the same.
func mark(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
