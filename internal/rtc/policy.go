package rtc

import "github.com/livekit/protocol/livekit"

// policy says who may subscribe to a participant's tracks. A nil policy allows everybody.
type policy struct {
	byIdentity, bySID map[string]*trackRights // by the subscriber's
}

// trackRights are the tracks that one subscriber may receive.
type trackRights struct {
	all    bool
	tracks map[string]bool // by sid
}

// maxPolicy bounds a policy: its subscribers and their tracks together. What is beyond it is not permitted.
const maxPolicy = 16384

// newPolicy reads a policy. Of two entries for one subscriber the later counts.
func newPolicy(m *livekit.SubscriptionPermission) *policy {
	if m.GetAllParticipants() {
		return nil
	}
	p := &policy{byIdentity: map[string]*trackRights{}, bySID: map[string]*trackRights{}}
	kept := 0
	for _, t := range m.GetTrackPermissions() {
		rights := &trackRights{all: t.AllTracks, tracks: map[string]bool{}}
		if kept += 1 + len(t.TrackSids); kept > maxPolicy {
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

// allows reports whether o may receive the track.
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

// permits reports whether the participant lets o receive its track sid. Recorders are exempt (docs/protocol.md, 4).
func (pb *publishing) allowsSubscriber(o *Participant, sid string) bool {
	return o.recorder() || pb.policy.allows(o, sid)
}

// setPolicy replaces the participant's policy and acts on it.
func (pb *publishing) setPolicy(m *livekit.SubscriptionPermission) {
	p := pb.p
	old := pb.policy
	pb.policy = newPolicy(m)
	if old == nil && pb.policy == nil { // as clients say at each join
		return
	}
	p.bucket.charge(policyCost)
	for _, pub := range pb.publications {
		p.room.reconcileSubscribers(pub)
	}
	p.data.reconcileSubscribers()
}

// sendPermission tells the client whether it may have a track it wants, the first time and when that changes.
func (sb *subscribing) sendPermission(pub *Publication, allowed bool) {
	if was, told := sb.permitted[pub.info.Sid]; told && was == allowed {
		return
	}
	sb.permitted[pub.info.Sid] = allowed
	sb.p.send(subscriptionPermissionMessage(&livekit.SubscriptionPermissionUpdate{
		ParticipantSid: pub.owner.sid(), TrackSid: pub.info.Sid, Allowed: allowed,
	}))
}
