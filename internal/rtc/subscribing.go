package rtc

import "github.com/livekit/protocol/livekit"

// subscribing holds what one participant receives of the others' media tracks, and what its client has requested.
type subscribing struct {
	p *Participant

	subscriptions map[string]*Subscription                // by track SID
	choices       map[string]bool                         // explicit UpdateSubscription requests, by track SID
	permitted     map[string]bool                         // publisher's permission as last sent to the client, by track SID
	settings      map[string]*livekit.UpdateTrackSettings // by track SID
	awaited       map[string]trackWait                    // tracks that must come in time, by track SID

	sifTrailer []byte // of the room that the participant joined first; its client has stored it
}

// init sets sb up for the participant p.
func (sb *subscribing) init(p *Participant) {
	sb.p = p
	sb.subscriptions = map[string]*Subscription{}
	sb.choices = map[string]bool{}
	sb.permitted = map[string]bool{}
	sb.settings = map[string]*livekit.UpdateTrackSettings{}
	sb.awaited = map[string]trackWait{}
	sb.sifTrailer = p.room.sifTrailer
}

// transferTo prepares dst, which belongs to the same participant in another room. It copies the state that also applies
// there. It ends all subscriptions, because the subscribed tracks stay in the old room.
func (sb *subscribing) transferTo(dst *subscribing) {
	for _, s := range sb.subscriptions {
		s.end()
	}
	dst.sifTrailer = sb.sifTrailer
}

// forget drops what the client has requested for a track that has ended.
func (sb *subscribing) forget(sid string) {
	delete(sb.choices, sid)
	delete(sb.settings, sid)
	delete(sb.permitted, sid)
	delete(sb.awaited, sid)
}

// connected starts the subscriptions that have waited for the connection.
func (sb *subscribing) connected() {
	for _, s := range sb.subscriptions {
		s.tryStart()
	}
}

// detach stops all media to a participant that is leaving.
func (sb *subscribing) detach() {
	for _, s := range sb.subscriptions {
		s.detach()
	}
}
