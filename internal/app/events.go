package app

import (
	"fmt"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/encoding/protojson"

	"meet/internal/lobby"
	"meet/internal/rtc"
	"meet/internal/token"
)

// onEvent tells the lobby and the webhooks what happens in rooms. It only changes their memory, so a room's loop may call it.
func (a *App) onEvent(e rtc.Event) {
	a.notify(e)
	a.metrics.Event(string(e.Kind))
	a.tellAgents(e)
	sid := e.Room.GetSid()
	switch e.Kind {
	case rtc.RoomStarted:
		a.lobby.RoomStarted(lobby.Room{SID: sid, Name: e.Room.Name, Metadata: e.Room.Metadata, CreatedAt: e.At})
	case rtc.RoomChanged:
		a.lobby.RoomChanged(sid, int(e.Room.NumParticipants), e.Room.Metadata)
	case rtc.ParticipantJoined:
		if e.Took > 0 { // who was moved, or is shown in another room, has not joined anew
			a.metrics.Joined(e.Took)
		}
		if attends(e.Participant) {
			a.lobby.ParticipantJoined(sid, lobby.Attendance{Identity: e.Participant.Identity, Name: e.Participant.Name, At: e.At})
		}
	case rtc.ParticipantLeft:
		if attends(e.Participant) {
			a.lobby.ParticipantLeft(sid, e.Participant.Identity, e.At)
		}
	case rtc.RoomFinished:
		a.lobby.RoomFinished(sid, e.At)
	}
}

// tellAgents passes on what makes jobs for agents.
func (a *App) tellAgents(e rtc.Event) {
	switch e.Kind {
	case rtc.RoomStarted:
		a.agents.RoomStarted(e.Room, e.Agents)
	case rtc.RoomChanged:
		a.agents.RoomChanged(e.Room)
	case rtc.ParticipantJoined:
		a.agents.ParticipantJoined(e.Room.Name, e.Participant)
	case rtc.TrackPublished:
		a.agents.TrackPublished(e.Room.Name, e.Participant)
	case rtc.ParticipantLeft:
		a.agents.ParticipantLeft(e.Room.Name, e.Participant)
	case rtc.RoomFinished:
		a.agents.RoomFinished(e.Room)
	}
}

// notify passes on what LiveKit's webhooks tell. Of tracks' rooms and owners they name no more than who they are.
func (a *App) notify(e rtc.Event) {
	if a.webhooks == nil || e.Kind == rtc.RoomChanged {
		return
	}
	event := &livekit.WebhookEvent{Event: string(e.Kind), CreatedAt: e.At.Unix(), Room: e.Room, Participant: e.Participant, Track: e.Track}
	if e.Track != nil {
		event.Room = &livekit.Room{Sid: e.Room.Sid, Name: e.Room.Name}
		event.Participant = &livekit.ParticipantInfo{Sid: e.Participant.Sid, Identity: e.Participant.Identity}
	}
	a.webhooks.Notify(e.Room.Name, event)
}

// attends tells people from recorders and agents, which belong to no meeting's record.
func attends(p *livekit.ParticipantInfo) bool {
	return !p.GetPermission().GetHidden() && (p.Kind == livekit.ParticipantInfo_STANDARD || p.Kind == livekit.ParticipantInfo_SIP)
}

// minRefresh is the least a refreshed token lasts: twice the time until the next one, as with the reference server.
const minRefresh = 10 * time.Minute

// refreshToken makes the token by which a participant returns after its connection broke.
func (a *App) refreshToken(s rtc.TokenSubject) (string, error) {
	t := token.New(a.keys[0].Name, a.keys[0].Secret).
		SetIdentity(s.Info.Identity).SetName(s.Info.Name).SetMetadata(s.Info.Metadata).SetAttributes(s.Info.Attributes).
		SetKind(strings.ToLower(s.Info.Kind.String())).
		SetVideoGrant(videoGrant(s)).
		SetTTL(max(minRefresh, time.Until(s.ExpiresAt)))
	if s.RoomConfig != nil {
		text, err := protojson.Marshal(s.RoomConfig)
		if err != nil {
			return "", fmt.Errorf("encode room configuration: %w", err)
		}
		t.SetRoomConfig(text)
	}
	return t.ToJWT()
}

func videoGrant(s rtc.TokenSubject) token.VideoGrant {
	p := s.Info.GetPermission()
	g := token.VideoGrant{
		RoomJoin: true, Room: s.Room, Recorder: s.Recorder, Hidden: p.GetHidden(),
		CanPublish: new(p.GetCanPublish()), CanSubscribe: new(p.GetCanSubscribe()), CanPublishData: new(p.GetCanPublishData()),
		CanUpdateOwnMetadata: p.GetCanUpdateMetadata(), CanSubscribeMetrics: p.GetCanSubscribeMetrics(),
		CanManageAgentSession: p.GetCanManageAgentSession(),
		Agent:                 s.Info.Kind == livekit.ParticipantInfo_AGENT,
	}
	for _, source := range p.GetCanPublishSources() {
		g.CanPublishSources = append(g.CanPublishSources, strings.ToLower(source.String()))
	}
	return g
}
