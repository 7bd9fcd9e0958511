package app

import (
	"github.com/livekit/protocol/livekit"

	"meet/internal/lobby"
	"meet/internal/rtc"
)

// onEvent passes an event in a room to the lobby, the webhooks, the metrics and the agents. It is called on the room's
// event loop and does not block: none of these functions waits for the network or the disk.
func (a *App) onEvent(e rtc.Event) {
	a.metrics.CountEvent(string(e.Kind))
	if lobby.IsTestRoom(e.Room.GetName()) { // a connection test is no meeting
		return
	}
	a.notifyWebhooks(e)
	a.notifyAgents(e)
	sid := e.Room.GetSid()
	switch e.Kind {
	case rtc.RoomStarted:
		a.lobby.RoomStarted(lobby.Room{SID: sid, Name: e.Room.Name, Metadata: e.Room.Metadata, CreatedAt: e.At})
	case rtc.RoomChanged:
		a.lobby.RoomChanged(sid, int(e.Room.NumParticipants), e.Room.Metadata)
	case rtc.ParticipantJoined:
		if e.Took > 0 { // 0 for participants that were moved or forwarded to this room
			a.metrics.ObserveJoin(e.Took)
		}
		if countsAsAttendee(e.Participant) {
			a.lobby.ParticipantJoined(sid, lobby.Arrival{Identity: e.Participant.Identity, Name: e.Participant.Name, At: e.At})
		}
	case rtc.ParticipantLeft:
		if countsAsAttendee(e.Participant) {
			a.lobby.ParticipantLeft(sid, e.Participant.Identity, e.At)
		}
	case rtc.RoomFinished:
		a.lobby.RoomFinished(sid, e.At)
	}
}

// notifyAgents passes on events that may start or end jobs of agents.
func (a *App) notifyAgents(e rtc.Event) {
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

// notifyWebhooks queues the webhook of an event. Webhooks about tracks contain only the ids and names of the room and
// the participant, as LiveKit's do.
func (a *App) notifyWebhooks(e rtc.Event) {
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

// countsAsAttendee reports whether a participant is listed in the record of a meeting. Hidden participants, recorders
// and agents are not.
func countsAsAttendee(p *livekit.ParticipantInfo) bool {
	return !p.GetPermission().GetHidden() && (p.Kind == livekit.ParticipantInfo_STANDARD || p.Kind == livekit.ParticipantInfo_SIP)
}
