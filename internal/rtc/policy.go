package rtc

import "github.com/livekit/protocol/livekit"

// policy is who may subscribe to a participant's tracks. A nil policy lets everybody.
type policy struct {
	byIdentity, bySID map[string]*trackRights // by the subscriber's
}

// trackRights are the tracks one subscriber may have.
type trackRights struct {
	all    bool
	tracks map[string]bool // by sid
}

// maxPolicy bounds what is kept of a policy: subscribers and tracks of theirs together. What is past it permits nothing.
const maxPolicy = 16384

// newPolicy reads a policy; of two entries for one subscriber the later counts.
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

// allows tells whether o may have the track.
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

// permits tells whether p lets o receive its track sid. Recorders are exempt (docs/protocol.md, 4).
func (pb *publishing) permits(o *Participant, sid string) bool {
	return o.recorder() || pb.policy.allows(o, sid)
}

// setPolicy replaces p's policy and acts on it.
func (pb *publishing) setPolicy(m *livekit.SubscriptionPermission) {
	p := pb.p
	old := pb.policy
	pb.policy = newPolicy(m)
	if old == nil && pb.policy == nil { // as clients say at each join
		return
	}
	p.budget.charge(policyCost)
	for _, pub := range pb.publications {
		p.room.offerToAll(pub)
	}
	p.data.offerTracks()
}

// tellPermission tells p whether it may have a track it wants, when that has changed and the first time.
func (sb *subscribing) tellPermission(pub *Publication, allowed bool) {
	if was, told := sb.permitted[pub.info.Sid]; told && was == allowed {
		return
	}
	sb.permitted[pub.info.Sid] = allowed
	sb.p.send(subscriptionPermissionMessage(&livekit.SubscriptionPermissionUpdate{
		ParticipantSid: pub.owner.sid(), TrackSid: pub.info.Sid, Allowed: allowed,
	}))
}
