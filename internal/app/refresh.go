package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/rtc"
	"meet/internal/token"
)

// minRefreshTTL is the shortest validity of a refreshed token: twice the interval between refreshes, as in LiveKit's
// server.
const minRefreshTTL = 10 * time.Minute

// refreshToken returns the token with which a participant can rejoin after a disconnect. It has the grants of the
// presented token and is signed with the same API key. The participant's identity is reserved until the token expires.
func (a *App) refreshToken(s rtc.TokenSubject) (string, error) {
	presented, ok := s.Token.Grants.(*token.ClaimGrants)
	if !ok {
		return "", fmt.Errorf("refresh a token: its grants are a %T", s.Token.Grants)
	}
	ttl := max(minRefreshTTL, time.Until(s.Token.ExpiresAt))
	a.lobby.TokenRefreshed(s.Room, presented.Identity, time.Now().Add(ttl))
	return token.Renew(presented.Issuer, a.secretOf(presented.Issuer), presented).
		SetName(s.Info.Name).SetMetadata(s.Info.Metadata).SetAttributes(s.Info.Attributes).
		SetVideoGrant(currentGrant(*presented.Video, s)).SetTTL(ttl).ToJWT()
}

// presentTimeout is how long a room may take to report whether a participant is present. On a timeout the lobby treats
// the identity as free. That is safe, because the room itself refuses a guest whose identity is taken.
const presentTimeout = time.Second

// present reports whether a participant with this identity is in a room.
func (a *App) present(room, identity string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), presentTimeout)
	defer cancel()
	return a.rooms.Present(ctx, room, identity)
}

// secretOf returns the secret of an API key, or "" if there is no such key.
func (a *App) secretOf(key string) string {
	for _, k := range a.keys {
		if k.Name == key {
			return k.Secret
		}
	}
	return ""
}

// currentGrant returns the presented token's grant g, updated with the room and the permissions that back ends have
// changed since the participant joined.
func currentGrant(g token.VideoGrant, s rtc.TokenSubject) token.VideoGrant {
	if g.Room != s.Room { // a participant that was moved has no rights over its new room
		g.Room, g.RoomAdmin, g.DestinationRoom = s.Room, false, ""
	}
	p := s.Granted
	if p == nil {
		return g
	}
	g.CanPublish, g.CanSubscribe, g.CanPublishData = new(p.GetCanPublish()), new(p.GetCanSubscribe()), new(p.GetCanPublishData())
	g.CanUpdateOwnMetadata, g.CanSubscribeMetrics = p.GetCanUpdateMetadata(), p.GetCanSubscribeMetrics()
	g.CanManageAgentSession, g.Hidden = p.GetCanManageAgentSession(), p.GetHidden()
	g.CanPublishSources = sourceNames(p.GetCanPublishSources())
	return g
}

// sourceNames returns the names of track sources as tokens spell them.
func sourceNames(sources []livekit.TrackSource) []string {
	var names []string
	for _, s := range sources {
		names = append(names, strings.ToLower(s.String()))
	}
	return names
}
