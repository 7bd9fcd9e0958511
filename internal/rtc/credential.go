package rtc

import (
	"context"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
)

// Credential holds the parts of the presented access token that rooms need. Identities are visible to all participants
// of a room, so an identity proves nothing: only the credential proves who joins.
type Credential struct {
	// Identity is the identity in the token. For a companion it differs from the participant's identity (see
	// JoinRequest.companion).
	Identity string
	// Family is the ID shared by a token and all tokens refreshed from it; "" if the token has none.
	Family string
	// Guest is set for a token that this server issued to a requester that it cannot identify. All other tokens come
	// from a back end.
	Guest               bool
	IssuedAt, ExpiresAt time.Time
	// Grants holds the token's grants in the form of the package that verified the token. Rooms only pass it to
	// Options.RefreshToken.
	Grants any
}

var (
	errIdentityInUse   = fault.New(fault.Conflict, "a participant with this identity is already in the meeting; join under another identity")
	errNoMain          = fault.New(fault.Conflict, "a publish-only connection may join only while its participant is in the meeting; join as the participant first")
	errSecondCompanion = fault.New(fault.Conflict, "this participant already has a publish-only connection; close that one first")
)

// mayReplace reports whether a client with the token of c may take over a session that was opened with another
// token, the one of original. It may if both tokens are of the same family, or if its token comes from a back end.
func (c Credential) mayReplace(original Credential) bool {
	return !c.Guest || c.Family == original.Family
}

// companion reports whether the request is for a companion: a second, publish-only connection of a participant, which
// old clients use to share a screen. Its identity is the token's identity with a suffix (docs/protocol.md, 1.3).
func (req *JoinRequest) companion() bool {
	return req.Token.Identity != "" && req.Token.Identity != req.Identity
}

// companionIdentity returns the identity of a companion, the second connection with which a participant only publishes.
// It consists of the participant's identity, a separator and the name of the companion.
func companionIdentity(identity, name string) string { return identity + companionSeparator + name }

// companionSeparator separates a participant's identity from the name of its companion.
const companionSeparator = "#"

// SetCompanion turns the request into one for the companion called name, which may not subscribe.
func (req *JoinRequest) SetCompanion(name string) {
	req.Identity = companionIdentity(req.Token.Identity, name)
	req.Info.Identity, req.Info.Permission.CanSubscribe = req.Identity, false
}

// checkIdentity returns the reason why req may not join under its identity, or nil if it may.
func (r *Room) checkIdentity(req JoinRequest) error {
	old := r.participants[req.Identity]
	if old != nil && !req.Token.mayReplace(old.req.Token) {
		return errIdentityInUse
	}
	if !req.companion() {
		return nil
	}
	if old != nil && (!old.req.companion() || old.req.Token.Identity != req.Token.Identity) {
		return errIdentityInUse // old is no companion of this participant, although its identity looks like that
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

// companionOf returns the companion of the participant main, the second connection with which it only publishes. It
// returns nil if main has none.
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

// checkRequest returns errBanned if the token of req is banned. A ban of a participant also applies to its
// companions, which are connections that only publish. A ban of a companion applies to all companions of the
// participant, but not to the participant itself.
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

// bannedIdentity returns the identity to ban when p is removed. For a companion, it stands for all companions of the
// same participant.
func (p *Participant) bannedIdentity() string {
	if p.req.companion() {
		return allCompanionsKey(p.req.Token.Identity)
	}
	return p.identity()
}

// allCompanionsKey returns the ban key for all companions of an identity. No valid identity equals it, because it
// contains a NUL character.
func allCompanionsKey(identity string) string { return identity + "\x00" + companionSeparator }

// requireNoCompanion returns errCompanion if the participant is a companion, a participant's second connection that
// only publishes.
func (rs *Rooms) requireNoCompanion(ctx context.Context, room, identity string) error {
	_, err := rs.withParticipant(ctx, room, identity, func(p *Participant) error {
		if p.req.companion() {
			return errCompanion
		}
		return nil
	})
	return err
}

// restrictedInfo returns the participant info of req with its permission restricted. If a back end has changed the
// rights of the token's family (see Credential.Family), the permission is restricted to those rights. The permission
// of a companion is also restricted to that of its participant.
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

// mayResume reports whether req may resume p. req must name p's session. The token of req must be one that may replace
// the session's token (see Credential.mayReplace). If the two tokens are of different families, req must also be for
// the same kind of participant as p.
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

// resumeWith handles the token that a client presents when it resumes. If the token belongs to another family, it
// becomes p's token, and rights that it does not grant are revoked.
func (p *Participant) resumeWith(req JoinRequest) {
	if req.Token.Family == p.req.Token.Family {
		return
	}
	p.req.Token = req.Token
	p.granted = intersectPermissions(p.info.Permission, req.Info.Permission)
	if !proto.Equal(p.granted, p.info.Permission) {
		p.setPermission(p.granted)
		p.room.announce(p, false) // p's own state is sent with the state of the room
	}
}

// intersectPermissions returns a permission that allows what both a and b allow. Properties that are not rights, such
// as recorder and hidden, come from a.
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
