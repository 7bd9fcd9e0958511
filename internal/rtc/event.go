package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"
)

// Event is something that happened in a room. The messages in it are copies.
type Event struct {
	Kind        EventKind
	At          time.Time
	Room        *livekit.Room
	Participant *livekit.ParticipantInfo     // of the participant and track events
	Track       *livekit.TrackInfo           // of the track events
	Agents      []*livekit.RoomAgentDispatch // of RoomStarted: what the room was made with
	Took        time.Duration                // of ParticipantJoined: from the request until the connection worked
}

// EventKind names an event as LiveKit's webhooks do (docs/protocol.md, 10).
type EventKind string

// The events, in the order they can happen to one participant.
const (
	RoomStarted        EventKind = "room_started"
	ParticipantJoined  EventKind = "participant_joined" // its connection works
	TrackPublished     EventKind = "track_published"
	TrackUnpublished   EventKind = "track_unpublished"
	ParticipantLeft    EventKind = "participant_left"
	ParticipantAborted EventKind = "participant_connection_aborted" // it left before its connection worked
	RoomChanged        EventKind = "room_changed"                   // head count or metadata; not a webhook
	RoomFinished       EventKind = "room_finished"
)
