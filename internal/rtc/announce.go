package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"
)

// announce sends p's new state to everybody who may see it, and to p itself if self is set.
func (r *Room) announce(p *Participant, self bool) {
	p.info.Version++
	m := participantUpdate(p.snapshot())
	for _, o := range r.participants {
		if o == p && self || o != p && !p.hidden() {
			o.send(m)
		}
	}
}

// announceDeparture tells the others that p has gone. Those who know identities by the newest sid need no word of one
// that was replaced (livekit-protocol.md, 1.7: protocol 12 and later).
func (r *Room) announceDeparture(p *Participant) {
	if p.hidden() {
		return
	}
	r.departed = append(r.departed[max(0, len(r.departed)+1-maxDeparted):], departure{time.Now(), &livekit.ParticipantInfo{
		Sid: p.sid(), Identity: p.identity(), State: p.info.State, Version: p.info.Version, DisconnectReason: p.info.DisconnectReason,
	}})
	m := participantUpdate(p.snapshot())
	for _, o := range r.participants {
		if o != p && (!p.replaced || o.req.Client.GetProtocol() <= 11) {
			o.send(m)
		}
	}
}

// departure is somebody who has left, for those whose signalling connection was down then.
type departure struct {
	at   time.Time
	info *livekit.ParticipantInfo
}

// maxDeparted bounds how many departures are remembered; older ones are forgotten first.
const maxDeparted = 512

func participantUpdate(infos ...*livekit.ParticipantInfo) *livekit.SignalResponse {
	return &livekit.SignalResponse{Message: &livekit.SignalResponse_Update{Update: &livekit.ParticipantUpdate{Participants: infos}}}
}

// activate marks p as connected, once.
func (p *Participant) activate() {
	if p.info.State == livekit.ParticipantInfo_ACTIVE {
		return
	}
	p.info.State = livekit.ParticipantInfo_ACTIVE
	p.room.announce(p, true)
	p.room.emit(Event{Kind: ParticipantJoined, Participant: p.snapshot()})
	p.log.Info("participant active", "sdk", p.req.Client.GetSdk().String(), "single_connection", p.single, "ms", time.Since(p.joined).Milliseconds())
}

// refreshInterval is how often a client gets a new token to return with.
const refreshInterval = 5 * time.Minute

func (p *Participant) refreshToken() {
	mint := p.room.rooms.opts.RefreshToken
	if mint == nil {
		return
	}
	t, err := mint(TokenSubject{Room: p.room.info.Name, Info: p.info, Recorder: p.info.Permission.GetRecorder(), ExpiresAt: p.req.ExpiresAt, RoomConfig: p.req.RoomConfig})
	if err != nil {
		p.log.Warn("token not refreshed", "err", err)
	} else {
		p.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_RefreshToken{RefreshToken: t}})
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
