package api

import (
	"context"
	"net/http"

	"github.com/twitchtv/twirp"

	"meet/internal/token"
)

// errDenied is LiveKit's error for a missing grant. Its code is unauthenticated, never permission_denied, and it does
// not name the grant (docs/protocol.md, 9.1).
var errDenied = twirp.NewError(twirp.Unauthenticated, "permissions denied")

// grantsKey is the context key of the token's *token.ClaimGrants.
type grantsKey struct{}

// authenticate verifies the request's token and adds its grants to the context.
func (h *Handler) authenticate(ctx context.Context, r *http.Request) (context.Context, error) {
	raw, err := token.FromRequest(r.Header.Get("Authorization"), r.URL.Query().Get("access_token"))
	if err != nil {
		return ctx, translate(err)
	}
	if raw == "" {
		return ctx, errDenied // LiveKit's error for a missing token
	}
	grants, err := h.verifier.Verify(raw)
	if err != nil {
		return ctx, translate(err)
	}
	return context.WithValue(ctx, grantsKey{}, grants), nil
}

// grantCheck reports whether a token grants what a method requires.
type grantCheck func(token.VideoGrant, *token.ClaimGrants) bool

// The grants that methods require (docs/protocol.md, 9.1).
var (
	canCreateRooms   grantCheck = func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomCreate }
	canListRooms     grantCheck = func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomList }
	canRecord        grantCheck = func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomRecord }
	canManageIngress grantCheck = func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.IngressAdmin }
	canManageSIP     grantCheck = func(_ token.VideoGrant, g *token.ClaimGrants) bool { return g.SIP != nil && g.SIP.Admin }
	canCall          grantCheck = func(_ token.VideoGrant, g *token.ClaimGrants) bool { return g.SIP != nil && g.SIP.Call }
	// canAdminRoom checks only that the token has the right to administer a room. The methods themselves call
	// authorizeRoom, which checks that the right is for the room in the request.
	canAdminRoom grantCheck = func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomAdmin }
)

// requiredGrants maps services and methods to the grant that they require. The entry "" of a service applies to its
// methods that have no entry of their own. A method is refused if no entry applies to it.
var requiredGrants = map[string]map[string]grantCheck{
	"livekit.RoomService": {
		"CreateRoom": canCreateRooms, "DeleteRoom": canCreateRooms, "ListRooms": canListRooms,
		"UpdateRoomMetadata": canAdminRoom, "SendData": canAdminRoom, "PerformRpc": canAdminRoom,
		"ListParticipants": canAdminRoom, "GetParticipant": canAdminRoom, "RemoveParticipant": canAdminRoom,
		"UpdateParticipant": canAdminRoom, "UpdateSubscriptions": canAdminRoom, "MutePublishedTrack": canAdminRoom,
		"ForwardParticipant": canAdminRoom, "MoveParticipant": canAdminRoom,
	},
	"livekit.AgentDispatchService": {"CreateDispatch": canAdminRoom, "DeleteDispatch": canAdminRoom, "ListDispatch": canAdminRoom},
	"livekit.Egress":               {"": canRecord},
	"livekit.Ingress":              {"": canManageIngress},
	"livekit.SIP":                  {"": canManageSIP, "CreateSIPParticipant": canCall, "TransferSIPParticipant": canCall},
}

// authorize returns an error unless the request's token grants what the method requires. It does not need the
// request's body, so that it can run before the body is read.
func authorize(ctx context.Context, service, method string) error {
	allowed := requiredGrants[service][method]
	if allowed == nil {
		allowed = requiredGrants[service][""]
	}
	if allowed == nil {
		return errDenied
	}
	return checkGrant(ctx, allowed)
}

// checkGrant returns an error unless the context has a token that passes the check.
func checkGrant(ctx context.Context, allowed grantCheck) error {
	g, _ := ctx.Value(grantsKey{}).(*token.ClaimGrants)
	if g == nil {
		return errDenied
	}
	var video token.VideoGrant
	if g.Video != nil {
		video = *g.Video
	}
	if !allowed(video, g) {
		return errDenied
	}
	return nil
}

// authorizeRoom returns an error unless the token may administer the room.
func authorizeRoom(ctx context.Context, room string) error {
	return checkGrant(ctx, func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomAdmin && v.Room == room })
}

// authorizeTransfer returns an error unless the token may forward or move participants from room to destination.
func authorizeTransfer(ctx context.Context, room, destination string) error {
	return checkGrant(ctx, func(v token.VideoGrant, _ *token.ClaimGrants) bool {
		return v.RoomAdmin && v.Room == room && v.DestinationRoom == destination
	})
}
