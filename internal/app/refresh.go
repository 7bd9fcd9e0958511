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

// minRefresh is the least a refreshed token lasts: twice the time until the next one, as with the reference server.
const minRefresh = 10 * time.Minute

// refreshToken makes the token by which a participant returns after its connection broke. It grants what the presented
// one does, signed with the same API key. The identity it is for stays taken until it expires.
func (a *App) refreshToken(s rtc.TokenSubject) (string, error) {
	presented, ok := s.Token.Grants.(*token.ClaimGrants)
	if !ok {
		return "", fmt.Errorf("refresh a token: its grants are a %T", s.Token.Grants)
	}
	ttl := max(minRefresh, time.Until(s.Token.ExpiresAt))
	a.lobby.TokenRefreshed(s.Room, presented.Identity, time.Now().Add(ttl))
	return token.Renew(presented.Issuer, a.secret(presented.Issuer), presented).
		SetName(s.Info.Name).SetMetadata(s.Info.Metadata).SetAttributes(s.Info.Attributes).
		SetVideoGrant(videoGrant(*presented.Video, s)).SetTTL(ttl).ToJWT()
}

// presentTimeout is how long a room may take to say who is in it. Rooms refuse a guest whose identity is taken anyway.
const presentTimeout = time.Second

// present reports whether a participant of that identity is in a room.
func (a *App) present(room, identity string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), presentTimeout)
	defer cancel()
	return a.rooms.Present(ctx, room, identity)
}

// secret is that of an API key, "" if there is no such key.
func (a *App) secret(key string) string {
	for _, k := range a.keys {
		if k.Name == key {
			return k.Secret
		}
	}
	return ""
}

// videoGrant returns a token's grant with the changes that a back end has made since.
func videoGrant(g token.VideoGrant, s rtc.TokenSubject) token.VideoGrant {
	if g.Room != s.Room { // the rights over one room are none over another
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

// sourceNames spells sources as tokens do.
func sourceNames(sources []livekit.TrackSource) []string {
	var names []string
	for _, s := range sources {
		names = append(names, strings.ToLower(s.String()))
	}
	return names
}
