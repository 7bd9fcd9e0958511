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
	"meet/internal/fault"
	"meet/internal/ratelimit"
)

const (
	// maxSessions bounds the number of sessions.
	maxSessions = 4096
	// maxWaiting bounds the number of peers that wait to be admitted to one session.
	maxWaiting = 8
	// idLength is the length of an ID in base32 characters. Its 80 random bits cannot be guessed.
	idLength = 16
)

// Options configures a Hub. The zero value is usable.
type Options struct {
	Log *slog.Logger
	// Debug makes the Hub answer the message "Debug" by logging the number of peers and sessions. For development
	// only.
	Debug bool
	// Host and Port are the address of STUN. If Host is "", it is the host of the browser's page.
	Host string
	Port int
	// NewRoom returns the name of a new room of the meeting server. When the members of a session admit a third peer,
	// all three move to this room. If NewRoom is nil, they cannot move.
	NewRoom func() string
	// TURN returns the URLs and credentials of the TURN servers for a peer of a session whose page has the host pageHost, and
	// which reaches the server by TLS at tlsPort; see proxy.TLSPort. If it is nil, peers get no TURN servers.
	TURN func(pageHost string, tlsPort int, session string) (urls []string, username, credential string)
}

// Hub keeps the connected peers and the sessions between them.
type Hub struct {
	opts           Options
	queuedBytes    *bytequeue.Total   // bytes in all queues
	work           sync.WaitGroup     // handlers of connected peers
	originWarnings rate.Sometimes     // limits the log messages about pages of other sites
	lookUps        *ratelimit.Limiter // connections, and requests and messages that name a session
	peerCount      *ratelimit.Counter // connections

	mu       sync.Mutex
	peers    map[string]*peer    // by ID, which is secret to the peer
	sessions map[string]*session // by ID
	closed   bool
}

// session is a call between two peers, or one peer that waits for the other.
type session struct {
	id      string
	members []*peer
	waiting []*peer // further peers that wait to be admitted, at most maxWaiting
}

// New returns a Hub without peers.
func New(o Options) *Hub {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Hub{
		opts: o, queuedBytes: &bytequeue.Total{}, originWarnings: rate.Sometimes{First: 100, Interval: time.Minute},
		lookUps: newLookUps(), peerCount: newPeerCount(), peers: map[string]*peer{}, sessions: map[string]*session{},
	}
}

// Close disconnects all peers and waits for their handlers.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for _, p := range h.peers {
		p.end()
	}
	h.mu.Unlock()
	h.work.Wait()
}

// Stats holds the current numbers of connected peers and open sessions.
type Stats struct{ Peers, Sessions int }

// Stats returns the current numbers.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Stats{len(h.peers), len(h.sessions)}
}

// addPeer adds a peer and sends it its ID. It returns false if the server is closing.
func (h *Hub) addPeer(p *peer) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	p.id = newID()
	h.peers[p.id] = p
	h.work.Add(1) // until it has left
	p.send(newUser, p.id)
	return true
}

// limitQueuesLocked disconnects the peers with the longest queues while all queues together exceed totalQueueBytes.
func (h *Hub) limitQueuesLocked() {
	for h.queuedBytes.Bytes() > totalQueueBytes {
		var longest *peer
		for _, p := range h.peers {
			if longest == nil || p.queue.Bytes() > longest.queue.Bytes() {
				longest = p
			}
		}
		if longest == nil || longest.queue.Bytes() == 0 {
			return // the rest belongs to connections that have ended and will drop their queues
		}
		h.opts.Log.Warn("a peer of a direct call does not read and was disconnected: the queues of all peers are too long", "waiting", longest.queue.Bytes())
		longest.end()
		longest.queue.Drop()
	}
}

// removePeer removes a disconnected peer from the hub and from its session. It notifies the session's other member.
func (h *Hub) removePeer(p *peer) {
	defer h.work.Done()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.peers, p.id)
	h.leaveSessionLocked(p)
}

// leaveSessionLocked removes a peer from its session. The session stays open for the other peer, and the first
// waiting peer joins it. A session without members is deleted.
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
	if len(s.waiting) > 0 {
		h.joinLocked(s.waiting[0], s.id)
	}
}

// other returns the other member of a session, or nil.
func (s *session) other(p *peer) *peer {
	for _, m := range s.members {
		if m != p {
			return m
		}
	}
	return nil
}

// handle processes one message of a peer.
func (h *Hub) handle(p *peer, m Message) {
	var limit error
	if m.Name == sessionJoin {
		limit = h.lookUps.Allow(p.address) // before h.mu is locked, because lookUps has a mutex too
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.limitQueuesLocked()
	switch m.Name {
	case sessionNew:
		h.newSessionLocked(p)
	case sessionJoin:
		if limit != nil {
			p.send(iceError, fault.Public(limit), "")
			return
		}
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

// newSessionLocked opens a session for a peer, which leaves its previous session.
func (h *Hub) newSessionLocked(p *peer) {
	if len(h.sessions) >= maxSessions {
		p.send(iceError, "there are too many direct calls on this server; try again later", "")
		return
	}
	h.leaveSessionLocked(p)
	s := &session{id: newID(), members: []*peer{p}}
	h.sessions[s.id], p.session = s, s
	p.send(sessionReady, s.id)
}

// joinLocked adds a peer to a session. If the session is full, the peer waits to be admitted if it supports that. If it
// cannot wait, it gets the same reply as for a session that does not exist. A peer that has resumed its connection and
// joins its own session gets the state of the session.
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

// resumeLocked returns p, which has reconnected, to the session of its earlier connection. It ends that connection if it
// has not failed yet. previousID is the ID that the peer had in the earlier connection. Nothing happens if there is no such
// connection any more, or if the peer is already in a session.
func (h *Hub) resumeLocked(p *peer, previousID string) {
	old := h.peers[previousID]
	if old == nil || old == p || p.session != nil {
		return
	}
	if s := old.session; s != nil {
		s.members[slices.Index(s.members, old)] = p
		p.session, old.session, p.resumed = s, nil, true
	}
	old.end()
}

// stateMessage returns the name of the message that describes a session's current state.
func (s *session) stateMessage() string {
	if len(s.members) == 2 {
		return sessionJoinSuccess
	}
	return sessionReady
}

// forwardLocked sends a message to the other peer of the sender's session.
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

// sessionOfLocked returns the peer's session if it has the given ID. Otherwise it sends the peer an error and returns
// nil.
func (h *Hub) sessionOfLocked(p *peer, id string) *session {
	if p.session == nil || p.session.id != id {
		p.send(iceError, "you are not in that session", id)
		return nil
	}
	return p.session
}

// newID returns a random ID.
func newID() string { return strings.ToLower(rand.Text()[:idLength]) }
