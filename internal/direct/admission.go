package direct

import "slices"

// This file is about a third who comes to a session of two. The two are asked; they refuse, or all three move to a room
// of the meeting server, which has place for more.

// knockLocked lets somebody wait at a full session, when all concerned know what that is.
func (h *Hub) requestAdmissionLocked(p *peer, s *session) bool {
	if s == nil || !p.understandsMove || len(s.members) < 2 || p.session == s || len(s.waiting) >= maxWaiting {
		return false
	}
	if !slices.ContainsFunc(s.members, func(m *peer) bool { return m.understandsMove }) {
		return false // nobody there could answer
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

// stopKnockingLocked ends somebody's waiting.
func (h *Hub) cancelAdmissionLocked(p *peer) {
	if s := p.waitingFor; s != nil {
		s.waiting = slices.DeleteFunc(s.waiting, func(k *peer) bool { return k == p })
		p.waitingFor = nil
	}
}

// refuseLocked tells all who wait at a session that they are not let in.
func (h *Hub) denyAllLocked(s *session) {
	for _, k := range s.waiting {
		k.waitingFor = nil
		k.send(sessionJoinError, s.id)
	}
	s.waiting = nil
}

// moveLocked sends everybody of a session, and who waits at it, to a room. The two stay in the session until they have
// arrived there.
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
