package client

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
)

// session is the state that the server has announced. Client.mu guards it.
type session struct {
	subscriberPrimary bool
	pingInterval      time.Duration // 0 if the server wants no pings
	pingTimeout       time.Duration
	room              *livekit.Room
	self              *livekit.ParticipantInfo
	others            map[string]*livekit.ParticipantInfo // by SID
	mids              map[string]string                   // track SID by MID of its media section
	published         map[string]*livekit.TrackInfo       // successful responses to AddTrack, by cid
	refused           map[string]*livekit.RequestResponse // refusals of AddTrack, by cid
	publications      map[string]*Publication             // by SID
	subscribed        map[string]bool                     // subscriptions set by SetSubscribed, by track SID
}

func newSession() session {
	return session{
		others:       map[string]*livekit.ParticipantInfo{},
		mids:         map[string]string{},
		published:    map[string]*livekit.TrackInfo{},
		refused:      map[string]*livekit.RequestResponse{},
		publications: map[string]*Publication{},
		subscribed:   map[string]bool{},
	}
}

// applyJoin stores the state in a JoinResponse.
func (s *session) applyJoin(join *livekit.JoinResponse) {
	s.subscriberPrimary = join.SubscriberPrimary
	s.pingInterval = time.Duration(join.PingInterval) * time.Second
	s.pingTimeout = time.Duration(join.PingTimeout) * time.Second
	s.room, s.self = join.Room, join.Participant
	for _, p := range join.OtherParticipants {
		s.others[p.Sid] = p
	}
}

// updateParticipants stores updates of participants. It ignores outdated ones.
func (s *session) updateParticipants(infos []*livekit.ParticipantInfo) {
	for _, p := range infos {
		known := s.others[p.Sid]
		switch {
		case s.self != nil && p.Sid == s.self.Sid:
			s.self = p
		case p.State == livekit.ParticipantInfo_DISCONNECTED:
			delete(s.others, p.Sid)
		case known != nil && p.Version < known.Version:
			// An outdated update that arrived late.
		default:
			// A participant that joins with the identity of another replaces it; the server does not announce that
			// the old one left.
			maps.DeleteFunc(s.others, func(_ string, old *livekit.ParticipantInfo) bool {
				return old.Identity == p.Identity && old.Sid != p.Sid && old.JoinedAt <= p.JoinedAt
			})
			s.others[p.Sid] = p
		}
	}
}

// update runs f with c.mu held, so that f may change the state. It then wakes the calls that wait for a change.
func (c *Client) update(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// Until waits until cond returns true. It calls cond at once, and again after each message and each change of a
// transport. It returns an error if ctx or the session ends first.
func (c *Client) Until(ctx context.Context, cond func() bool) error {
	for {
		c.mu.Lock()
		changed, err := c.changed, c.err
		c.mu.Unlock()
		if cond() {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// untilLost waits like Until, but fails with ErrSignalLost if the socket is lost.
func (c *Client) untilLost(ctx context.Context, cond func() bool) error {
	lost := false
	err := c.Until(ctx, func() bool {
		lost = c.SignalLost()
		return lost || cond()
	})
	if err == nil && lost {
		return ErrSignalLost
	}
	return err
}

// Room returns the room as the server last described it.
func (c *Client) Room() *livekit.Room {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session.room
}

// Participant returns the local participant as the server last described it.
func (c *Client) Participant() *livekit.ParticipantInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session.self
}

// RemoteParticipants returns the remote participants, sorted by identity.
func (c *Client) RemoteParticipants() []*livekit.ParticipantInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.session.others), func(a, b *livekit.ParticipantInfo) int {
		return strings.Compare(a.Identity, b.Identity)
	})
}

// RemoteParticipant returns the remote participant with this identity, or nil if there is none.
func (c *Client) RemoteParticipant(identity string) *livekit.ParticipantInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.session.others {
		if p.Identity == identity {
			return p
		}
	}
	return nil
}

// Token returns the newest token that the server sent, or the token used to join.
func (c *Client) Token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}
