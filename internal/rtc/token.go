package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"
)

// This file sends clients the tokens with which they can return to their room or join another.

// TokenSubject describes a participant that is to get a refreshed token.
type TokenSubject struct {
	Room  string                   // differs from the presented token's room after a move
	Info  *livekit.ParticipantInfo // source of the name, metadata and attributes
	Token Credential               // the presented token
	// Granted replaces the token's grants for the room if a back end has changed them since the join; otherwise it is
	// nil.
	Granted *livekit.ParticipantPermission
}

// refreshInterval is the interval at which a client is sent a new token.
const refreshInterval = 5 * time.Minute

// mintToken returns a token with which p can join the room called room. It returns "" if the server refreshes no
// tokens or if no token could be made.
func (p *Participant) mintToken(room string) string {
	mint := p.room.rooms.opts.RefreshToken
	if mint == nil {
		return ""
	}
	t, err := mint(TokenSubject{Room: room, Info: p.info, Token: p.req.Token, Granted: p.granted})
	if err != nil {
		p.log.Warn("token not refreshed", "err", err)
		return ""
	}
	return t
}

// refreshToken sends the client a new token, now and after each refreshInterval.
func (p *Participant) refreshToken() {
	if t := p.mintToken(p.room.info.Name); t != "" {
		p.send(refreshTokenMessage(t))
	}
	if p.refresh != nil {
		p.refresh.Stop()
	}
	p.refresh = p.room.after(refreshInterval, func() {
		if !p.closed {
			p.refreshToken()
		}
	})
}
