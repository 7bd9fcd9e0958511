package lobby

import "time"

// RoomStarted adds an open room. It does nothing if a room with this SID is already open.
func (l *Lobby) RoomStarted(r Room) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.live[r.SID]; ok {
		return
	}
	l.live[r.SID] = &liveRoom{Room: r, meeting: Meeting{ID: r.SID, Name: r.Name}}
	l.notifyLocked()
}

// RoomChanged sets the number of participants and the metadata of an open room.
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

// ParticipantJoined records an arrival. The first arrival in a room starts its meeting.
func (l *Lobby) ParticipantJoined(roomSID string, a Arrival) {
	l.updateMeeting(roomSID, func(m *Meeting) { m.join(a) })
}

// ParticipantLeft records a departure.
func (l *Lobby) ParticipantLeft(roomSID, identity string, at time.Time) {
	l.updateMeeting(roomSID, func(m *Meeting) { m.leave(identity, at) })
}

// updateMeeting applies change to the meeting of an open room, and marks the meeting to be written if anybody has
// attended it.
func (l *Lobby) updateMeeting(sid string, change func(*Meeting)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.live[sid]
	if !ok {
		return
	}
	change(&r.meeting)
	if r.meeting.Count > 0 {
		l.markDirtyLocked(sid, &r.meeting)
		l.notifyLocked() // a meeting is listed as ended as soon as everybody has left
	}
}

// RoomFinished removes an open room and ends its meeting. A room that nobody joined leaves no record.
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
		l.addEndedLocked(&r.meeting)
		l.markDirtyLocked(sid, &r.meeting)
	}
	l.notifyLocked()
}

// addEndedLocked adds the meeting that ended last. It drops the oldest meetings beyond maxListed from the list, and
// marks the oldest records beyond maxStored for deletion.
func (l *Lobby) addEndedLocked(m *Meeting) {
	l.ended = append(l.ended, m)
	l.ended = l.ended[max(0, len(l.ended)-maxListed):]
	l.stored = append(l.stored, m.ID)
	for len(l.stored) > maxStored {
		l.markDirtyLocked(l.stored[0], nil)
		l.stored = l.stored[1:]
	}
}

// markDirtyLocked makes writeChanges write the meeting's state to the store, or delete its record if m is nil.
func (l *Lobby) markDirtyLocked(id string, m *Meeting) {
	l.dirty[id] = m
	wakeUp(l.wake)
}

// notifyLocked notifies all subscribers of a change.
func (l *Lobby) notifyLocked() {
	for c := range l.subscribers {
		wakeUp(c)
	}
}

// wakeUp puts a notification into c, which has capacity 1. It never blocks: if c already holds one, another would add
// nothing.
func wakeUp(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
