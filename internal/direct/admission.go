package direct

import "slices"

// This file handles a third peer that wants to join a session of two. The third peer waits until one of the two denies or
// admits it. If it is admitted, all three move to a room of the meeting server.

// requestAdmissionLocked makes a peer wait to be admitted to a full session, and notifies the session's members. It
// returns false if the peer cannot wait, for one of these reasons: the session does not exist, is not full, or is the
// peer's own; maxWaiting peers are waiting already; the peer's client does not understand the messages about admission,
// or neither member's client does.
func (h *Hub) requestAdmissionLocked(p *peer, s *session) bool {
	if s == nil || !p.understandsMove || len(s.members) < 2 || p.session == s || len(s.waiting) >= maxWaiting {
		return false
	}
	if !slices.ContainsFunc(s.members, func(m *peer) bool { return m.understandsMove }) {
		return false // neither member could answer
	}
	h.leaveSessionLocked(p)
	s.waiting, p.waitingFor = append(s.waiting, p), s
	p.send(sessionKnock, s.id)
	for _, m := range s.members {
		if m.understandsMove {
			m.send(sessionKnock, s.id)
		}
	}
	return true
}

// cancelAdmissionLocked stops a peer from waiting for admission.
func (h *Hub) cancelAdmissionLocked(p *peer) {
	if s := p.waitingFor; s != nil {
		s.waiting = slices.DeleteFunc(s.waiting, func(k *peer) bool { return k == p })
		p.waitingFor = nil
	}
}

// denyAllLocked denies all peers that wait for admission to a session.
func (h *Hub) denyAllLocked(s *session) {
	for _, k := range s.waiting {
		k.waitingFor = nil
		k.send(sessionJoinError, s.id)
	}
	s.waiting = nil
}

// moveToRoomLocked makes the members of a session and all peers that wait for admission move to a new room. The members
// stay in the session, so that their call continues until they have joined the room.
func (h *Hub) moveToRoomLocked(s *session) {
	room := h.opts.NewRoom()
	for _, p := range slices.Concat(s.members, s.waiting) {
		p.waitingFor = nil
		if p.understandsMove {
			p.send(sessionMove, room, s.id)
		}
	}
	s.waiting = nil
}
