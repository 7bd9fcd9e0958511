package rtc

import "github.com/livekit/protocol/livekit"

// policy holds which subscribers may receive a participant's tracks. A nil policy allows all.
type policy struct {
	byIdentity, bySID map[string]*trackRights // keyed by the subscriber's identity or SID
}

// trackRights holds the tracks that one subscriber may receive.
type trackRights struct {
	all    bool
	tracks map[string]bool // keyed by track SID
}

// maxPolicy is the maximum number of subscribers and tracks in a policy. Entries beyond it grant nothing.
const maxPolicy = 16384

// newPolicy converts a client's message. If a subscriber has several entries, the last one applies.
func newPolicy(m *livekit.SubscriptionPermission) *policy {
	if m.GetAllParticipants() {
		return nil
	}
	p := &policy{byIdentity: map[string]*trackRights{}, bySID: map[string]*trackRights{}}
	size := 0
	for _, t := range m.GetTrackPermissions() {
		rights := &trackRights{all: t.AllTracks, tracks: map[string]bool{}}
		if size += 1 + len(t.TrackSids); size > maxPolicy {
			break
		}
		for _, sid := range t.TrackSids {
			rights.tracks[sid] = true
		}
		switch {
		case t.ParticipantIdentity != "":
			p.byIdentity[t.ParticipantIdentity] = rights
		case t.ParticipantSid != "":
			p.bySID[t.ParticipantSid] = rights
		}
	}
	return p
}

// allows reports whether the subscriber o may receive the track sid.
func (p *policy) allows(o *Participant, sid string) bool {
	if p == nil {
		return true
	}
	rights := p.byIdentity[o.identity()]
	if rights == nil {
		rights = p.bySID[o.sid()]
	}
	return rights != nil && (rights.all || rights.tracks[sid])
}

// allowsSubscriber reports whether o may receive the participant's track sid. Recorders always may (docs/protocol.md,
// 4).
func (pb *publishing) allowsSubscriber(o *Participant, sid string) bool {
	return o.recorder() || pb.policy.allows(o, sid)
}

// setPolicy replaces the participant's policy and starts or ends subscriptions accordingly.
func (pb *publishing) setPolicy(m *livekit.SubscriptionPermission) {
	p := pb.p
	old := pb.policy
	pb.policy = newPolicy(m)
	if old == nil && pb.policy == nil { // clients send this at each join
		return
	}
	p.bucket.charge(policyCost)
	for _, pub := range pb.publications {
		p.room.reconcileSubscribers(pub)
	}
	p.data.reconcileSubscribers()
}

// sendPermission informs the client whether it may receive a track that it wants. The message is sent the first
// time, and again whenever the answer changes.
func (sb *subscribing) sendPermission(pub *Publication, allowed bool) {
	if last, sent := sb.permitted[pub.info.Sid]; sent && last == allowed {
		return
	}
	sb.permitted[pub.info.Sid] = allowed
	sb.p.send(subscriptionPermissionMessage(&livekit.SubscriptionPermissionUpdate{
		ParticipantSid: pub.owner.sid(), TrackSid: pub.info.Sid, Allowed: allowed,
	}))
}
