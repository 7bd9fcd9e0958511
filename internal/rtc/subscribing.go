package rtc

import "github.com/livekit/protocol/livekit"

// subscribing holds what one participant receives of others' tracks, and what it has said of them.
type subscribing struct {
	p *Participant

	subscriptions map[string]*Subscription                // by track sid
	choices       map[string]bool                         // explicit UpdateSubscription, by track sid
	permitted     map[string]bool                         // the publisher's permission as the client was told, by track sid
	settings      map[string]*livekit.UpdateTrackSettings // by track sid
	awaited       map[string]trackWait                    // tracks that have to come in time, by track sid

	sifTrailer []byte // of the room it first joined, which its client knows
}

func (sb *subscribing) init(p *Participant) {
	sb.p = p
	sb.subscriptions = map[string]*Subscription{}
	sb.choices = map[string]bool{}
	sb.permitted = map[string]bool{}
	sb.settings = map[string]*livekit.UpdateTrackSettings{}
	sb.awaited = map[string]trackWait{}
	sb.sifTrailer = p.room.sifTrailer
}

// transferTo passes on what holds in another room too. It ends the subscriptions, because the tracks stay where they are.
func (sb *subscribing) transferTo(to *subscribing) {
	for _, s := range sb.subscriptions {
		s.end()
	}
	to.sifTrailer = sb.sifTrailer
}

// forget forgets what the client has said of a track that has ended.
func (sb *subscribing) forget(sid string) {
	delete(sb.choices, sid)
	delete(sb.settings, sid)
	delete(sb.permitted, sid)
	delete(sb.awaited, sid)
}

// connected starts the media that has waited for the connection.
func (sb *subscribing) connected() {
	for _, s := range sb.subscriptions {
		s.tryStart()
	}
}

// detach stops all media, when the participant itself ends.
func (sb *subscribing) detach() {
	for _, s := range sb.subscriptions {
		s.detach()
	}
}
