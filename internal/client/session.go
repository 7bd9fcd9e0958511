package client

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
)

// session is what the server told, guarded by Client.mu.
type session struct {
	subscriberPrimary bool
	pingInterval      time.Duration // 0 for none
	pingTimeout       time.Duration
	room              *livekit.Room
	self              *livekit.ParticipantInfo
	others            map[string]*livekit.ParticipantInfo // by SID
	mids              map[string]string                   // section to track SID
	published         map[string]*livekit.TrackInfo       // replies to AddTrack, by cid
	refused           map[string]*livekit.RequestResponse // likewise
	publications      map[string]*Publication             // by SID
	subscribed        map[string]bool                     // choices made by SetSubscribed, by track SID
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

func (s *session) applyJoin(join *livekit.JoinResponse) {
	s.subscriberPrimary = join.SubscriberPrimary
	s.pingInterval = time.Duration(join.PingInterval) * time.Second
	s.pingTimeout = time.Duration(join.PingTimeout) * time.Second
	s.room, s.self = join.Room, join.Participant
	for _, p := range join.OtherParticipants {
		s.others[p.Sid] = p
	}
}

func (s *session) updateParticipants(infos []*livekit.ParticipantInfo) {
	for _, p := range infos {
		known := s.others[p.Sid]
		switch {
		case s.self != nil && p.Sid == s.self.Sid:
			s.self = p
		case p.State == livekit.ParticipantInfo_DISCONNECTED:
			delete(s.others, p.Sid)
		case known != nil && p.Version < known.Version:
			// An older state that was overtaken.
		default:
			// The same identity under a new SID replaces the old session without a word about it.
			maps.DeleteFunc(s.others, func(_ string, old *livekit.ParticipantInfo) bool {
				return old.Identity == p.Identity && old.Sid != p.Sid && old.JoinedAt <= p.JoinedAt
			})
			s.others[p.Sid] = p
		}
	}
}

// update changes the state and wakes whoever waits for a change.
func (c *Client) update(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// Until waits until cond holds, looking again whenever a message arrived or a transport changed. It fails when
// ctx ends or the session does.
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

// untilLost waits as Until does, and fails with ErrNoSignal if the socket is lost meanwhile.
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

// Room is the room as last described by the server.
func (c *Client) Room() *livekit.Room {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session.room
}

// Participant is this participant as last described by the server.
func (c *Client) Participant() *livekit.ParticipantInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session.self
}

// RemoteParticipants are the others in the room, ordered by identity.
func (c *Client) RemoteParticipants() []*livekit.ParticipantInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.session.others), func(a, b *livekit.ParticipantInfo) int {
		return strings.Compare(a.Identity, b.Identity)
	})
}

// RemoteParticipant is the participant of this identity, nil if there is none.
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

// Token is the newest token the server gave, or the one used to join.
func (c *Client) Token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}
