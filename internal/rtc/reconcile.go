package rtc

import (
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
)

// This file decides who is subscribed to what (docs/protocol.md, 4). Each change looks only at what it can concern:
// one subscriber, one publication, or both.

// reconcile brings p's subscriptions in line with what p wants and may receive, the oldest publications first.
func (r *Room) reconcile(p *Participant) {
	for _, pub := range r.published {
		p.subscribing.reconcileTrack(pub)
	}
}

// reconcileSubscribers brings everybody's subscription to pub in line.
func (r *Room) reconcileSubscribers(pub *Publication) {
	for _, p := range r.participants {
		p.subscribing.reconcileTrack(pub)
	}
}

// follow brings the participant's subscription to pub in line with what it wants and may receive.
func (sb *subscribing) reconcileTrack(pub *Publication) {
	p := sb.p
	o := pub.owner
	if p.closed || pub.closed || o == p || o.hidden() || p.conn.receivingTransport() == nil {
		return // clients drop media of a participant they do not know
	}
	sid := pub.info.Sid
	s, wants := sb.subscriptions[sid], sb.wantsTrack(sid)
	permitted := wants && o.publishing.allowsSubscriber(p, sid)
	if wants {
		sb.sendPermission(pub, permitted)
	} else {
		delete(sb.permitted, sid)
	}
	switch {
	case s == nil && permitted && sb.withinLimit(pub):
		sb.subscribe(pub)
	case s != nil && !permitted:
		s.end()
	}
}

// wants reports whether the participant is to receive track sid: as it chose, else as it joined.
func (sb *subscribing) wantsTrack(sid string) bool {
	if !sb.p.info.Permission.GetCanSubscribe() {
		return false
	}
	if choice, ok := sb.choices[sid]; ok {
		return choice
	}
	return sb.p.req.AutoSubscribe
}

// limit returns how many tracks of the kind one participant may be subscribed to; 0 means no limit.
func (r *Room) limit(kind livekit.TrackType) int {
	if kind == livekit.TrackType_AUDIO {
		return r.rooms.opts.SubscriptionLimitAudio
	}
	return r.rooms.opts.SubscriptionLimitVideo
}

// withinLimit reports whether one more track of pub's kind is within the participant's limit. Further tracks wait until
// one is given up.
func (sb *subscribing) withinLimit(pub *Publication) bool {
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

// choose notes what the client wants to receive. It may name tracks that do not exist yet.
func (sb *subscribing) updateSubscription(u *livekit.UpdateSubscription) {
	sids := slices.Clone(u.TrackSids)
	for _, t := range u.ParticipantTracks {
		sids = append(sids, t.TrackSids...)
	}
	for _, sid := range sids {
		if _, known := sb.choices[sid]; !known && !sb.mayStoreChoice(sid, len(sb.choices)) {
			continue
		}
		sb.choices[sid] = u.Subscribe
		pub := sb.p.room.publication(sid)
		switch {
		case pub != nil:
			sb.reconcileTrack(pub)
		case u.Subscribe:
			sb.awaitTrack(sid, trackTimeout)
		default:
			delete(sb.awaited, sid)
		}
	}
}

// maxTrackChoices bounds what is remembered of tracks that do not exist, for one subscriber. What is remembered of a track
// that exists is forgotten with it.
const maxTrackChoices = 4096

// mayStoreChoice reports whether to remember what the client says of track sid, while kept others are remembered.
func (sb *subscribing) mayStoreChoice(sid string, kept int) bool {
	return sb.p.room.publication(sid) != nil || kept < maxTrackChoices && validSID(sid)
}

// validSID reports whether a client's text has the form of a track's sid.
func validSID(sid string) bool { return strings.HasPrefix(sid, trackPrefix) && len(sid) <= 32 }

// publication finds a track by its sid, among those that others may know.
func (r *Room) publication(sid string) *Publication {
	if pub := r.bySID[sid]; pub != nil && !pub.owner.hidden() {
		return pub
	}
	return nil
}

const (
	// trackTimeout is how long a track that does not exist is waited for before the client gets an error.
	trackTimeout = 60 * time.Second
	// bindTimeout is how long a track may take to get a media section on a connection that works.
	bindTimeout = 15 * time.Second
)

// wait is a track that a client is to receive: it gets an error if the track does not come in time.
type trackWait struct {
	since   time.Time
	timeout time.Duration
}

// await notes that the client waits for track sid: for the track to exist, or to get a media section.
func (sb *subscribing) awaitTrack(sid string, timeout time.Duration) {
	if _, waits := sb.awaited[sid]; !waits || timeout == bindTimeout {
		sb.awaited[sid] = trackWait{time.Now(), timeout}
	}
	sb.p.room.awaitingTracks[sb.p] = true
}

// giveUp tells clients of tracks that did not come in time. It runs with every tick.
func (r *Room) expireWaits(now time.Time) {
	for p := range r.awaitingTracks {
		p.subscribing.expireWaits(now)
		if p.closed || len(p.subscribing.awaited) == 0 {
			delete(r.awaitingTracks, p)
		}
	}
}

func (sb *subscribing) expireWaits(now time.Time) {
	t := sb.p.conn.receivingTransport()
	for sid, w := range sb.awaited {
		s := sb.subscriptions[sid]
		switch {
		case s != nil && s.state != subscriptionNegotiating:
			delete(sb.awaited, sid)
		case w.timeout == bindTimeout && (t == nil || !t.connected):
			sb.awaited[sid] = trackWait{now, w.timeout} // no section can be negotiated yet
		case now.Sub(w.since) < w.timeout:
		case w.timeout == bindTimeout:
			delete(sb.awaited, sid)
			if s != nil {
				sb.sendSubscriptionError(sid, livekit.SubscriptionError_SE_UNKNOWN)
			}
		case sb.p.room.publication(sid) != nil: // it waits for permission or the limit, which clients learn otherwise
			delete(sb.awaited, sid)
		default:
			delete(sb.awaited, sid)
			delete(sb.choices, sid)
			sb.sendSubscriptionError(sid, livekit.SubscriptionError_SE_TRACK_NOTFOUND)
		}
	}
}

func (sb *subscribing) sendSubscriptionError(sid string, e livekit.SubscriptionError) {
	sb.p.send(subscriptionResponseMessage(sid, e))
}

// list makes pub known to the room; removePublication forgets it and what subscribers have said of it.
func (r *Room) addPublication(pub *Publication) {
	r.published = append(r.published, pub)
	r.bySID[pub.info.Sid] = pub
}

func (r *Room) removePublication(pub *Publication) {
	sid := pub.info.Sid
	r.published = slices.DeleteFunc(r.published, func(x *Publication) bool { return x == pub })
	delete(r.bySID, sid)
	for _, o := range r.participants {
		o.subscribing.forget(sid)
	}
}
