package rtc

import (
	"context"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
)

// Credential holds the parts of the presented access token that rooms need. Identities are visible to everybody in a
// room, so an identity never proves who somebody is: only the credential does.
type Credential struct {
	// Identity is the token's own. It differs from the participant's identity for a companion (see JoinRequest.companion).
	Identity string
	// Family is shared by a token and all tokens refreshed from it.
	Family string
	// Guest is set for a token that this server issued to a requester it cannot identify. Any other comes from a back end.
	Guest               bool
	IssuedAt, ExpiresAt time.Time
	// Grants holds the token's grants, in the form of the package that verified it. Rooms only pass it to
	// Options.RefreshToken.
	Grants any
}

var (
	errIdentityInUse   = fault.New(fault.Conflict, "somebody with this identity is in the meeting already; join under another one")
	errNoMain          = fault.New(fault.Conflict, "a connection that only publishes needs its participant to be in the meeting first")
	errSecondCompanion = fault.New(fault.Conflict, "this participant has a second connection that only publishes already")
)

// controls reports whether the bearer of c may take the place of the session that was opened with opened: with a token of
// the same family, or with one from a back end.
func (c Credential) mayReplace(opened Credential) bool {
	return !c.Guest || c.Family == opened.Family
}

// companion reports whether the request is for a second connection of a participant, which only publishes: old clients
// share screens by it. Its identity is the token's with a suffix (docs/protocol.md, 1.3).
func (req *JoinRequest) companion() bool {
	return req.Token.Identity != "" && req.Token.Identity != req.Identity
}

// companionIdentity is the identity of a companion: that of the token, a separator and a name.
func companionIdentity(identity, name string) string { return identity + companionSeparator + name }

const companionSeparator = "#"

// SetCompanion makes the request one for a companion of that name.
func (req *JoinRequest) SetCompanion(name string) {
	req.Identity = companionIdentity(req.Token.Identity, name)
	req.Info.Identity, req.Info.Permission.CanSubscribe = req.Identity, false
}

// checkIdentity returns why req may not join under its identity, or nil.
func (r *Room) checkIdentity(req JoinRequest) error {
	old := r.participants[req.Identity]
	if old != nil && !req.Token.mayReplace(old.req.Token) {
		return errIdentityInUse
	}
	if !req.companion() {
		return nil
	}
	if old != nil && (!old.req.companion() || old.req.Token.Identity != req.Token.Identity) {
		return errIdentityInUse // of a participant whose own name looks like a companion's
	}
	main := r.participants[req.Token.Identity]
	if main == nil || main.forwarding.source != nil || !req.Token.mayReplace(main.req.Token) {
		return errNoMain
	}
	if c := r.companionOf(main); c != nil && c.identity() != req.Identity {
		return errSecondCompanion
	}
	return nil
}

// companionOf finds the companion of a participant, nil if it has none.
func (r *Room) companionOf(main *Participant) *Participant {
	if main.req.companion() {
		return nil
	}
	for _, p := range r.participants {
		if p != main && p.req.companion() && p.req.Token.Identity == main.identity() {
			return p
		}
	}
	return nil
}

// refuses returns an error if the token of a request was revoked. The token's identity counts, also for a companion. A
// companion that was removed does not come back under any name, while its participant may.
func (l *bans) checkRequest(req JoinRequest, now time.Time) error {
	identities := []string{req.Token.Identity, req.Identity}
	if req.companion() {
		identities = append(identities, allCompanionsKey(req.Token.Identity))
	}
	for _, identity := range identities {
		if err := l.check(req.Room, identity, req.Token.IssuedAt, now); err != nil {
			return err
		}
	}
	return nil
}

// bannedIdentity returns the identity to ban when p is removed.
func (p *Participant) bannedIdentity() string {
	if p.req.companion() {
		return allCompanionsKey(p.req.Token.Identity)
	}
	return p.identity()
}

// allCompanionsKey returns a name for all companions of an identity that no identity can have.
func allCompanionsKey(identity string) string { return identity + "\x00" + companionSeparator }

// requireNoCompanion returns an error if a participant is a companion.
func (rs *Rooms) requireNoCompanion(ctx context.Context, room, identity string) error {
	_, err := rs.withParticipant(ctx, room, identity, func(p *Participant) error {
		if p.req.companion() {
			return errCompanion
		}
		return nil
	})
	return err
}

// restricted returns the participant of a request, with no more rights than a back end has left to its family, and in a
// companion no more than its participant has.
func (r *Room) restrictedInfo(req JoinRequest) *livekit.ParticipantInfo {
	info := proto.CloneOf(req.Info)
	if granted := r.family(req.Token).granted; granted != nil {
		info.Permission = intersectPermissions(info.Permission, granted)
	}
	if main := r.participants[req.Token.Identity]; req.companion() && main != nil {
		info.Permission = intersectPermissions(info.Permission, main.info.Permission)
	}
	return info
}

// mayResume reports whether a request may resume p: it names p's session, and its token controls it. A token of another
// family cannot turn p into something else than it joined as.
func (p *Participant) mayResume(req JoinRequest) bool {
	if p.closed || p.forwarding.source != nil || req.SID != p.sid() || !req.Token.mayReplace(p.req.Token) {
		return false
	}
	if req.Token.Family == p.req.Token.Family {
		return true
	}
	had, has := p.info.Permission, req.Info.Permission
	return req.Info.Kind == p.info.Kind && has.GetHidden() == had.GetHidden() &&
		has.GetRecorder() == had.GetRecorder() && has.GetAgent() == had.GetAgent()
}

// resumeWith makes the presented token p's own. What it does not grant, p may not do any more.
func (p *Participant) resumeWith(req JoinRequest) {
	if req.Token.Family == p.req.Token.Family {
		return
	}
	p.req.Token = req.Token
	p.granted = intersectPermissions(p.info.Permission, req.Info.Permission)
	if !proto.Equal(p.granted, p.info.Permission) {
		p.setPermission(p.granted)
		p.room.announce(p, false) // its own state is sent with the rest of the room's
	}
}

// narrower returns what both permissions allow. What a participant is, such as a recorder, comes from a.
func intersectPermissions(a, b *livekit.ParticipantPermission) *livekit.ParticipantPermission {
	both := proto.CloneOf(a)
	both.CanSubscribe = a.GetCanSubscribe() && b.GetCanSubscribe()
	both.CanPublish = a.GetCanPublish() && b.GetCanPublish()
	both.CanPublishData = a.GetCanPublishData() && b.GetCanPublishData()
	both.CanUpdateMetadata = a.GetCanUpdateMetadata() && b.GetCanUpdateMetadata()
	both.CanSubscribeMetrics = a.GetCanSubscribeMetrics() && b.GetCanSubscribeMetrics()
	both.CanManageAgentSession = a.GetCanManageAgentSession() && b.GetCanManageAgentSession()
	switch { // an empty list allows every source
	case len(a.GetCanPublishSources()) == 0:
		both.CanPublishSources = slices.Clone(b.GetCanPublishSources())
	case len(b.GetCanPublishSources()) > 0:
		both.CanPublishSources = slices.DeleteFunc(both.CanPublishSources, func(s livekit.TrackSource) bool {
			return !slices.Contains(b.CanPublishSources, s)
		})
		if len(both.CanPublishSources) == 0 {
			both.CanPublish = false
		}
	}
	return both
}
