package app

import (
	"github.com/livekit/protocol/livekit"

	"meet/internal/lobby"
	"meet/internal/rtc"
)

// onEvent tells the lobby and the webhooks what happens in rooms. It only changes their memory, so a room's loop may call it.
func (a *App) onEvent(e rtc.Event) {
	a.notify(e)
	a.metrics.CountEvent(string(e.Kind))
	a.tellAgents(e)
	sid := e.Room.GetSid()
	switch e.Kind {
	case rtc.RoomStarted:
		a.lobby.RoomStarted(lobby.Room{SID: sid, Name: e.Room.Name, Metadata: e.Room.Metadata, CreatedAt: e.At})
	case rtc.RoomChanged:
		a.lobby.RoomChanged(sid, int(e.Room.NumParticipants), e.Room.Metadata)
	case rtc.ParticipantJoined:
		if e.Took > 0 { // who was moved, or is shown in another room, has not joined anew
			a.metrics.ObserveJoin(e.Took)
		}
		if attends(e.Participant) {
			a.lobby.ParticipantJoined(sid, lobby.Arrival{Identity: e.Participant.Identity, Name: e.Participant.Name, At: e.At})
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
