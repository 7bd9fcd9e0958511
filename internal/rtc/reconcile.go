package rtc

import (
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
)

// This file decides who is subscribed to what (docs/protocol.md, 4). Each change looks only at what it can concern:
// one subscriber, one publication, or both.

// reconcile brings p's subscriptions in line with what p wants and may have, the oldest publications first.
func (r *Room) reconcile(p *Participant) {
	for _, pub := range r.published {
		p.subscribing.follow(pub)
	}
}

// offerToAll brings everybody's subscription to pub in line.
func (r *Room) offerToAll(pub *Publication) {
	for _, p := range r.participants {
		p.subscribing.follow(pub)
	}
}

// follow brings p's subscription to pub in line with what p wants and may have.
func (sb *subscribing) follow(pub *Publication) {
	p := sb.p
	o := pub.owner
	if p.closed || pub.closed || o == p || o.hidden() || p.conn.receiving() == nil {
		return // clients throw away media of somebody they were not told of
	}
	sid := pub.info.Sid
	s, wants := sb.subscriptions[sid], sb.wants(sid)
	permitted := wants && o.publishing.permits(p, sid)
	if wants {
		sb.tellPermission(pub, permitted)
	} else {
		delete(sb.permitted, sid)
	}
	switch {
	case s == nil && permitted && sb.hasPlaceFor(pub):
		sb.subscribe(pub)
	case s != nil && !permitted:
		s.end()
	}
}

// wants tells whether p is to receive track sid: as it said, else as it joined.
func (sb *subscribing) wants(sid string) bool {
	if !sb.p.info.Permission.GetCanSubscribe() {
		return false
	}
	if choice, ok := sb.chosen[sid]; ok {
		return choice
	}
	return sb.p.req.AutoSubscribe
}

// limit is how many tracks of the kind one participant may be subscribed to; 0 is without limit.
func (r *Room) limit(kind livekit.TrackType) int {
	if kind == livekit.TrackType_AUDIO {
		return r.rooms.opts.SubscriptionLimitAudio
	}
	return r.rooms.opts.SubscriptionLimitVideo
}

// hasPlaceFor tells whether one more track of pub's kind is within p's limit. Those beyond it wait until one is given up.
func (sb *subscribing) hasPlaceFor(pub *Publication) bool {
	limit := sb.p.room.limit(pub.info.Type)
	if limit == 0 {
		return true
	}
	for _, s := range sb.subscriptions {
		if s.pub.info.Type == pub.info.Type {
			limit--
		}
	}
	return limit > 0
}

// choose notes what the client wants to receive; it holds for tracks that do not exist yet too.
func (sb *subscribing) choose(u *livekit.UpdateSubscription) {
	sids := slices.Clone(u.TrackSids)
	for _, t := range u.ParticipantTracks {
		sids = append(sids, t.TrackSids...)
	}
	for _, sid := range sids {
		if _, known := sb.chosen[sid]; !known && !sb.mayRemember(sid, len(sb.chosen)) {
			continue
		}
		sb.chosen[sid] = u.Subscribe
		pub := sb.p.room.publication(sid)
		switch {
		case pub != nil:
			sb.follow(pub)
		case u.Subscribe:
			sb.await(sid, trackTimeout)
		default:
			delete(sb.awaited, sid)
		}
	}
}

// maxRemembered bounds what is remembered of tracks that do not exist, for one subscriber. Of others it is forgotten with
// the track.
const maxRemembered = 4096

// mayRemember tells whether to remember what p says of track sid, beside what is kept of others.
func (sb *subscribing) mayRemember(sid string, kept int) bool {
	return sb.p.room.publication(sid) != nil || kept < maxRemembered && validSID(sid)
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
func (sb *subscribing) await(sid string, limit time.Duration) {
	if _, waits := sb.awaited[sid]; !waits || limit == bindTimeout {
		sb.awaited[sid] = wait{time.Now(), limit}
	}
	sb.p.room.waiting[sb.p] = true
}

// giveUp tells clients what they have waited for in vain. It runs with every tick.
func (r *Room) giveUp(now time.Time) {
	for p := range r.waiting {
		p.subscribing.giveUp(now)
		if p.closed || len(p.subscribing.awaited) == 0 {
			delete(r.waiting, p)
		}
	}
}

func (sb *subscribing) giveUp(now time.Time) {
	t := sb.p.conn.receiving()
	for sid, w := range sb.awaited {
		s := sb.subscriptions[sid]
		switch {
		case s != nil && s.state != subscriptionNegotiating:
			delete(sb.awaited, sid)
		case w.limit == bindTimeout && (t == nil || !t.connected):
			sb.awaited[sid] = wait{now, w.limit} // there is no place to be found yet
		case now.Sub(w.since) < w.limit:
		case w.limit == bindTimeout:
			delete(sb.awaited, sid)
			if s != nil {
				sb.tellError(sid, livekit.SubscriptionError_SE_UNKNOWN)
			}
		case sb.p.room.publication(sid) != nil: // and waits for permission or a place, of which clients are told otherwise
			delete(sb.awaited, sid)
		default:
			delete(sb.awaited, sid)
			delete(sb.chosen, sid)
			sb.tellError(sid, livekit.SubscriptionError_SE_TRACK_NOTFOUND)
		}
	}
}

func (sb *subscribing) tellError(sid string, e livekit.SubscriptionError) {
	sb.p.send(subscriptionResponseMessage(sid, e))
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
		o.subscribing.forget(sid)
	}
}
