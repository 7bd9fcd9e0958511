package direct

import (
	"crypto/rand"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"meet/internal/bytequeue"
)

const (
	// maxSessions and maxPeople bound those of one server.
	maxSessions, maxPeers = 4096, 8192
	// maxKnocking bounds those who wait to be let into one session.
	maxWaiting = 8
	// idLength is in letters of base 32: 80 bits, which nobody guesses.
	idLength = 16
)

// Options are what a Hub may be told.
type Options struct {
	Log *slog.Logger
	// Debug answers the message of that name with a line in the log: how many there are. For development only.
	Debug bool
	// Host and Port are where STUN and TURN are served; without a Host it is where a browser finds this server.
	Host string
	Port int
	// NewRoom names a room of the meeting server for those of a session to whom a third comes; nil when there is none.
	NewRoom func() string
	// Relays makes credentials for TURN's relays for the two of a session; nil when there are none.
	TURNCredentials func(session string) (username, credential string)
}

// Hub knows who is connected and who talks to whom.
type Hub struct {
	opts           Options
	queuedBytes    *bytequeue.Total // bytes in all queues
	work           sync.WaitGroup   // connections
	originWarnings rate.Sometimes   // bounds lines about pages of other sites

	mu       sync.Mutex
	peers    map[string]*peer // by their ids, which nobody else learns
	sessions map[string]*session
	closed   bool
}

// session is two people, or one who waits for the other.
type session struct {
	id      string
	members []*peer
	waiting []*peer // who came when two were there; see admission.go
}

// New makes a Hub.
func New(o Options) *Hub {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Hub{opts: o, queuedBytes: &bytequeue.Total{}, originWarnings: rate.Sometimes{First: 100, Interval: time.Minute}, peers: map[string]*peer{}, sessions: map[string]*session{}}
}

// Close ends all connections and waits for them.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for _, p := range h.peers {
		p.end()
	}
	h.mu.Unlock()
	h.work.Wait()
}

// Stats are a Hub's figures of the moment.
type Stats struct{ Peers, Sessions int }

// Stats counts who is there.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Stats{len(h.peers), len(h.sessions)}
}

// enter takes somebody in and tells it its id; false when there is no room.
func (h *Hub) addPeer(p *peer) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.peers) >= maxPeers {
		return false
	}
	p.id = newID()
	h.peers[p.id] = p
	h.work.Add(1) // until it has left
	p.send(newUser, p.id)
	return true
}

// shedLocked disconnects those with the longest queues while all queues together hold too much.
func (h *Hub) limitQueuesLocked() {
	for h.queuedBytes.Bytes() > totalQueueBytes {
		var longest *peer
		for _, p := range h.peers {
			if longest == nil || p.queue.Bytes() > longest.queue.Bytes() {
				longest = p
			}
		}
		if longest == nil || longest.queue.Bytes() == 0 {
			return // what is left belongs to connections that have ended, and goes with them
		}
		h.opts.Log.Warn("a peer of a direct call that does not read was disconnected: too much waits for all", "waiting", longest.queue.Bytes())
		longest.end()
		longest.queue.Drop()
	}
}

// leave forgets somebody, and tells the other of its session.
func (h *Hub) removePeer(p *peer) {
	defer h.work.Done()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.peers, p.id)
	h.leaveSessionLocked(p)
}

// departLocked ends somebody's part in its session. Who stays there can be joined again.
func (h *Hub) leaveSessionLocked(p *peer) {
	h.cancelAdmissionLocked(p)
	s := p.session
	if s == nil {
		return
	}
	p.session = nil
	other := s.other(p)
	if other == nil {
		h.denyAllLocked(s)
		delete(h.sessions, s.id)
		return
	}
	s.members = []*peer{other}
	other.send(iceError, "the other has left", s.id)
	if len(s.waiting) > 0 { // the place is free now
		h.joinLocked(s.waiting[0], s.id)
	}
}

func (s *session) other(p *peer) *peer {
	for _, m := range s.members {
		if m != p {
			return m
		}
	}
	return nil
}

// handle does what somebody's message asks.
func (h *Hub) handle(p *peer, m Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.limitQueuesLocked()
	switch m.Name {
	case sessionNew:
		h.newSessionLocked(p)
	case sessionJoin:
		h.joinLocked(p, strings.TrimSpace(m.Texts[0]))
	case videoOffer, videoAnswer, iceCandidate:
		h.forwardLocked(p, m)
	case userResume:
		h.resumeLocked(p, m.Texts[0])
	case sessionAdmit:
		if s := h.sessionOfLocked(p, m.Texts[0]); s != nil && h.opts.NewRoom != nil {
			h.moveToRoomLocked(s)
		}
	case sessionRefuse:
		if s := h.sessionOfLocked(p, m.Texts[0]); s != nil {
			h.denyAllLocked(s)
		}
	case debug:
		if h.opts.Debug {
			h.opts.Log.Info("direct calls", "people", len(h.peers), "sessions", len(h.sessions))
		}
	default:
		p.send(iceError, "only the server sends "+m.Name, "")
	}
}

func (h *Hub) newSessionLocked(p *peer) {
	if len(h.sessions) >= maxSessions {
		p.send(iceError, "there are as many direct calls as this server takes; try again later", "")
		return
	}
	h.leaveSessionLocked(p) // one at a time
	s := &session{id: newID(), members: []*peer{p}}
	h.sessions[s.id], p.session = s, s
	p.send(sessionReady, s.id)
}

// joinLocked brings somebody into a session that has room. A full one and one that is none get the same answer, except
// that who can wait may ask the two of a full one.
func (h *Hub) joinLocked(p *peer, id string) {
	s := h.sessions[id]
	if s != nil && p.resumed && p.session == s {
		p.send(s.stateMessage(), id)
		return
	}
	if h.requestAdmissionLocked(p, s) {
		return
	}
	if s == nil || len(s.members) != 1 || s.members[0] == p {
		p.send(sessionJoinError, id)
		return
	}
	h.leaveSessionLocked(p)
	s.members, p.session = append(s.members, p), s
	for _, m := range s.members {
		m.send(sessionJoinSuccess, id)
	}
}

// resumeLocked gives somebody who connects again the place of the connection before, which may not know yet that it is
// broken. To join the session then tells whether anybody else is there.
func (h *Hub) resumeLocked(p *peer, before string) {
	old := h.peers[before]
	if old == nil || old == p || p.session != nil {
		return
	}
	if s := old.session; s != nil {
		s.members[slices.Index(s.members, old)] = p
		p.session, old.session, p.resumed = s, nil, true
	}
	old.end()
}

// newest is the message that says how a session stands.
func (s *session) stateMessage() string {
	if len(s.members) == 2 {
		return sessionJoinSuccess
	}
	return sessionReady
}

// passLocked hands a message to the other of the sender's session.
func (h *Hub) forwardLocked(p *peer, m Message) {
	id := m.Texts[1]
	s := h.sessionOfLocked(p, id)
	if s == nil {
		return
	}
	other := s.other(p)
	if other == nil {
		p.send(iceError, "nobody else is in the session yet", id)
		return
	}
	other.send(m.Name, m.Texts...)
}

// ownLocked is somebody's own session, by its id; who is not in it is told so.
func (h *Hub) sessionOfLocked(p *peer, id string) *session {
	if p.session == nil || p.session.id != id {
		p.send(iceError, "you are not in that session", id)
		return nil
	}
	return p.session
}

func newID() string { return strings.ToLower(rand.Text()[:idLength]) }
