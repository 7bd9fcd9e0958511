package rtc

import (
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
)

// This file decides which tracks each participant is subscribed to (docs/protocol.md, 4). A change is handled only for
// the subscriber, the publication, or both, that it concerns.

// reconcile starts or ends p's subscriptions so that p receives the tracks that it wants and may receive. The oldest
// tracks come first.
func (r *Room) reconcile(p *Participant) {
	for _, pub := range r.published {
		p.subscribing.reconcileTrack(pub)
	}
}

// reconcileSubscribers starts or ends subscriptions to pub, so that its subscribers are the participants that want and
// may receive it.
func (r *Room) reconcileSubscribers(pub *Publication) {
	for _, p := range r.participants {
		p.subscribing.reconcileTrack(pub)
	}
}

// reconcileTrack starts or ends the participant's subscription to pub, depending on whether the participant wants and
// may receive it.
func (sb *subscribing) reconcileTrack(pub *Publication) {
	p := sb.p
	o := pub.owner
	if p.closed || pub.closed || o == p || o.hidden() || p.conn.receivingTransport() == nil {
		return // clients discard media of participants that they have not been sent
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

// wantsTrack reports whether the participant wants to receive the track sid. Its request about the track decides; if
// there is none, AutoSubscribe of its join request decides. Without permission to subscribe the result is false.
func (sb *subscribing) wantsTrack(sid string) bool {
	if !sb.p.info.Permission.GetCanSubscribe() {
		return false
	}
	if choice, ok := sb.choices[sid]; ok {
		return choice
	}
	return sb.p.req.AutoSubscribe
}

// limit returns the maximum number of tracks of this kind to which one participant may be subscribed; 0 means no limit.
func (r *Room) limit(kind livekit.TrackType) int {
	if kind == livekit.TrackType_AUDIO {
		return r.rooms.opts.SubscriptionLimitAudio
	}
	return r.rooms.opts.SubscriptionLimitVideo
}

// withinLimit reports whether one more track of pub's kind is within the participant's limit. If it is not, the track
// must wait until a subscription of its kind ends.
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

// updateSubscription stores and applies the client's choice of the tracks that it wants to receive. The request may
// name tracks that do not exist yet.
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

// maxTrackChoices is the maximum number of stored requests of one subscriber about tracks that do not exist yet.
// Requests about an existing track are always stored, and are dropped when the track ends.
const maxTrackChoices = 4096

// mayStoreChoice reports whether the server may store one more request of the client about the track sid. The
// argument stored is the number of requests in the store.
func (sb *subscribing) mayStoreChoice(sid string, stored int) bool {
	return sb.p.room.publication(sid) != nil || stored < maxTrackChoices && validSID(sid)
}

// validSID reports whether a text sent by a client has the form of a track SID.
func validSID(sid string) bool { return strings.HasPrefix(sid, trackPrefix) && len(sid) <= 32 }

// publication returns the track with this SID, or nil if it does not exist or its publisher is hidden.
func (r *Room) publication(sid string) *Publication {
	if pub := r.bySID[sid]; pub != nil && !pub.owner.hidden() {
		return pub
	}
	return nil
}

const (
	// trackTimeout is the maximum time to wait for a track that does not exist, before the client is sent an error.
	trackTimeout = 60 * time.Second
	// bindTimeout is the maximum time in which a track must get a media section on an established connection.
	bindTimeout = 15 * time.Second
)

// trackWait is the wait of a client for a track. The client is sent an error if the wait takes longer than timeout.
type trackWait struct {
	since   time.Time
	timeout time.Duration
}

// awaitTrack records that the client waits for the track sid. If timeout is trackTimeout, the client waits until the
// track exists. If it is bindTimeout, the client waits until the track has a media section.
func (sb *subscribing) awaitTrack(sid string, timeout time.Duration) {
	if _, waits := sb.awaited[sid]; !waits || timeout == bindTimeout {
		sb.awaited[sid] = trackWait{time.Now(), timeout}
	}
	sb.p.room.awaitingTracks[sb.p] = true
}

// expireWaits sends a client an error for each requested track that was not published, or got no media section, in
// time. It is called at every tick.
func (r *Room) expireWaits(now time.Time) {
	for p := range r.awaitingTracks {
		p.subscribing.expireWaits(now)
		if p.closed || len(p.subscribing.awaited) == 0 {
			delete(r.awaitingTracks, p)
		}
	}
}

// expireWaits checks the tracks that the client waits for. If the time for a track has passed, it sends the client
// an error about that track. It is no error if the track exists but waits for a permission or for the subscription
// limit.
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
		case sb.p.room.publication(sid) != nil: // the track waits for permission or for the limit; neither is an error
			delete(sb.awaited, sid)
		default:
			delete(sb.awaited, sid)
			delete(sb.choices, sid)
			sb.sendSubscriptionError(sid, livekit.SubscriptionError_SE_TRACK_NOTFOUND)
		}
	}
}

// sendSubscriptionError sends the client the reason why it does not receive a track.
func (sb *subscribing) sendSubscriptionError(sid string, e livekit.SubscriptionError) {
	sb.p.send(subscriptionResponseMessage(sid, e))
}

// addPublication adds pub to the room's indexes.
func (r *Room) addPublication(pub *Publication) {
	r.published = append(r.published, pub)
	r.bySID[pub.info.Sid] = pub
}

// removePublication removes pub from the room's indexes. It also removes the requests that subscribers have made for
// pub.
func (r *Room) removePublication(pub *Publication) {
	sid := pub.info.Sid
	r.published = slices.DeleteFunc(r.published, func(x *Publication) bool { return x == pub })
	delete(r.bySID, sid)
	for _, o := range r.participants {
		o.subscribing.forget(sid)
	}
}
