package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"
)

// Event is something that happened in a room. Its protobuf messages are copies, so the receiver may keep them.
type Event struct {
	Kind        EventKind
	At          time.Time
	Room        *livekit.Room
	Participant *livekit.ParticipantInfo     // set for participant and track events
	Track       *livekit.TrackInfo           // set for track events
	Agents      []*livekit.RoomAgentDispatch // for RoomStarted: the agents in the room's configuration
	Took        time.Duration                // for ParticipantJoined: time from the join request until the media connection was up
}

// EventKind is the kind of an Event, named like LiveKit's webhooks (docs/protocol.md, 10).
type EventKind string

// The kinds of events, in the order in which they can occur for one participant.
const (
	RoomStarted        EventKind = "room_started"
	ParticipantJoined  EventKind = "participant_joined" // its media connection is up
	TrackPublished     EventKind = "track_published"
	TrackUnpublished   EventKind = "track_unpublished"
	ParticipantLeft    EventKind = "participant_left"
	ParticipantAborted EventKind = "participant_connection_aborted" // it left before its media connection was up
	RoomChanged        EventKind = "room_changed"                   // its participant count or metadata has changed; not a webhook
	RoomFinished       EventKind = "room_finished"
)
