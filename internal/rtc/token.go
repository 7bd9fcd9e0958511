package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"
)

// This file gives clients the tokens with which they can return, or join another room.

// TokenSubject describes the participant that a refreshed token is for.
type TokenSubject struct {
	Room  string                   // differs from the token's after a move to another room
	Info  *livekit.ParticipantInfo // for its name, metadata and attributes
	Token Credential               // the one that was presented
	// Granted replaces the token's grants inside the room if a back end has changed them since the join, else it is nil.
	Granted *livekit.ParticipantPermission
}

// refreshInterval is how often a client gets a new token.
const refreshInterval = 5 * time.Minute

// mintToken makes a token by which p can join that room, or returns "" if tokens are not refreshed.
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
