package rtc

import (
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
)

// This file decides who is subscribed to what (livekit-protocol.md, 4). Each change looks only at what it can concern:
// one subscriber, one publication, or both.

// reconcile brings p's subscriptions in line with what p wants and may have, the oldest publications first.
func (r *Room) reconcile(p *Participant) {
	for _, pub := range r.published {
		p.follow(pub)
	}
}

// offerToAll brings everybody's subscription to pub in line.
func (r *Room) offerToAll(pub *Publication) {
	for _, p := range r.participants {
		p.follow(pub)
	}
}

// follow brings p's subscription to pub in line with what p wants and may have.
func (p *Participant) follow(pub *Publication) {
	o := pub.owner
	if p.closed || pub.closed || o == p || o.hidden() || p.receiving() == nil {
		return // clients throw away media of somebody they were not told of
	}
	sid := pub.info.Sid
	s, wants := p.subscriptions[sid], p.wants(sid)
	permitted := wants && o.permits(p, sid)
	if wants {
		p.tellPermission(pub, permitted)
	} else {
		delete(p.permitted, sid)
	}
	switch {
	case s == nil && permitted && p.hasPlaceFor(pub):
		p.subscribe(pub)
	case s != nil && !permitted:
		p.unsubscribe(s)
	}
}

// wants tells whether p is to receive track sid: as it said, else as it joined.
func (p *Participant) wants(sid string) bool {
	if !p.info.Permission.GetCanSubscribe() {
		return false
	}
	if choice, ok := p.chosen[sid]; ok {
		return choice
	}
	return p.req.AutoSubscribe
}

// limit is how many tracks of the kind one participant may be subscribed to; 0 is without limit.
func (r *Room) limit(kind livekit.TrackType) int {
	if kind == livekit.TrackType_AUDIO {
		return r.rooms.opts.SubscriptionLimitAudio
	}
	return r.rooms.opts.SubscriptionLimitVideo
}

// hasPlaceFor tells whether one more track of pub's kind is within p's limit. Those beyond it wait until one is given up.
func (p *Participant) hasPlaceFor(pub *Publication) bool {
	limit := p.room.limit(pub.info.Type)
	if limit == 0 {
		return true
	}
	for _, s := range p.subscriptions {
		if s.pub.info.Type == pub.info.Type {
			limit--
		}
	}
	return limit > 0
}

// updateSubscription notes what the client wants to receive; it holds for tracks that do not exist yet too.
func (p *Participant) updateSubscription(u *livekit.UpdateSubscription) {
	sids := slices.Clone(u.TrackSids)
	for _, t := range u.ParticipantTracks {
		sids = append(sids, t.TrackSids...)
	}
	for _, sid := range sids {
		if _, known := p.chosen[sid]; !known && !p.mayRemember(sid, len(p.chosen)) {
			continue
		}
		p.chosen[sid] = u.Subscribe
		pub := p.room.publication(sid)
		switch {
		case pub != nil:
			p.follow(pub)
		case u.Subscribe:
			p.await(sid, trackTimeout)
		default:
			delete(p.awaited, sid)
		}
	}
}

// maxRemembered bounds what is remembered of tracks that do not exist, for one subscriber. Of others it is forgotten with
// the track.
const maxRemembered = 4096

// mayRemember tells whether to remember what p says of track sid, beside what is kept of others.
func (p *Participant) mayRemember(sid string, kept int) bool {
	return p.room.publication(sid) != nil || kept < maxRemembered && validSID(sid)
}

// validSID tells whether a client's text may be the sid of a track, that exists or not.
func validSID(sid string) bool { return strings.HasPrefix(sid, trackPrefix) && len(sid) <= 32 }

// publication finds a track by its sid, among those that others may know of.
func (r *Room) publication(sid string) *Publication {
	if pub := r.bySID[sid]; pub != nil && !pub.owner.hidden() {
		return pub
	}
	return nil
}

const (
	// trackTimeout is how long a client may wait for a track that does not exist before it is told so.
	trackTimeout = 60 * time.Second
	// bindTimeout is how long a track may take to find its place on a connection that works.
	bindTimeout = 15 * time.Second
)

// wait is something a client was promised: it is told if it does not come in time.
type wait struct {
	since time.Time
	limit time.Duration
}

// await notes that p waits for track sid: for it to exist, or to find its place on p's connection.
func (p *Participant) await(sid string, limit time.Duration) {
	if _, waits := p.awaited[sid]; !waits || limit == bindTimeout {
		p.awaited[sid] = wait{time.Now(), limit}
	}
	p.room.waiting[p] = true
}

// giveUp tells clients what they have waited for in vain. It runs with every tick.
func (r *Room) giveUp(now time.Time) {
	for p := range r.waiting {
		for sid, w := range p.awaited {
			s := p.subscriptions[sid]
			switch {
			case s != nil && s.state != subscriptionNegotiating:
				delete(p.awaited, sid)
			case w.limit == bindTimeout && (p.receiving() == nil || !p.receiving().connected):
				p.awaited[sid] = wait{now, w.limit} // there is no place to be found yet
			case now.Sub(w.since) < w.limit:
			case w.limit == bindTimeout:
				delete(p.awaited, sid)
				if s != nil {
					p.tellSubscriptionError(sid, livekit.SubscriptionError_SE_UNKNOWN)
				}
			case r.publication(sid) != nil: // and waits for permission or a place, of which clients are told otherwise
				delete(p.awaited, sid)
			default:
				delete(p.awaited, sid)
				delete(p.chosen, sid)
				p.tellSubscriptionError(sid, livekit.SubscriptionError_SE_TRACK_NOTFOUND)
			}
		}
		if p.closed || len(p.awaited) == 0 {
			delete(r.waiting, p)
		}
	}
}

func (p *Participant) tellSubscriptionError(sid string, e livekit.SubscriptionError) {
	p.send(subscriptionResponseMessage(sid, e))
}

// list makes pub known to the room; unlist forgets it and what everybody said of it.
func (r *Room) list(pub *Publication) {
	r.published = append(r.published, pub)
	r.bySID[pub.info.Sid] = pub
}

func (r *Room) unlist(pub *Publication) {
	sid := pub.info.Sid
	r.published = slices.DeleteFunc(r.published, func(x *Publication) bool { return x == pub })
	delete(r.bySID, sid)
	for _, o := range r.participants {
		delete(o.chosen, sid)
		delete(o.settings, sid)
		delete(o.permitted, sid)
		delete(o.awaited, sid)
	}
}
