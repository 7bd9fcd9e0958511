package direct

import "slices"

// This file is about a third who comes to a session of two. The two are asked; they refuse, or all three move to a room
// of the meeting server, which has place for more.

// knockLocked lets somebody wait at a full session, when all concerned know what that is.
func (h *Hub) knockLocked(p *person, s *session) bool {
	if s == nil || !p.moves || len(s.members) < 2 || p.session == s || len(s.knocking) >= maxKnocking {
		return false
	}
	if !slices.ContainsFunc(s.members, func(m *person) bool { return m.moves }) {
		return false // nobody there could answer
	}
	h.departLocked(p)
	s.knocking, p.knocksAt = append(s.knocking, p), s
	p.send(sessionKnock, s.id)
	for _, m := range s.members {
		if m.moves {
			m.send(sessionKnock, s.id)
		}
	}
	return true
}

// stopKnockingLocked ends somebody's waiting.
func (h *Hub) stopKnockingLocked(p *person) {
	if s := p.knocksAt; s != nil {
		s.knocking = slices.DeleteFunc(s.knocking, func(k *person) bool { return k == p })
		p.knocksAt = nil
	}
}

// refuseLocked tells all who wait at a session that they are not let in.
func (h *Hub) refuseLocked(s *session) {
	for _, k := range s.knocking {
		k.knocksAt = nil
		k.send(sessionJoinError, s.id)
	}
	s.knocking = nil
}

// moveLocked sends everybody of a session, and who waits at it, to a room. The two stay in the session until they have
// arrived there.
func (h *Hub) moveLocked(s *session) {
	room := h.opts.NewRoom()
	for _, p := range slices.Concat(s.members, s.knocking) {
		p.knocksAt = nil
		if p.moves {
			p.send(sessionMove, room, s.id)
		}
	}
	s.knocking = nil
}
