package api

import (
	"context"
	"net/http"

	"github.com/twitchtv/twirp"

	"meet/internal/token"
)

// errDenied is what LiveKit answers to whoever lacks a grant: unauthenticated, never permission_denied, and no word on
// which grant it was (docs/protocol.md, 9.1).
var errDenied = twirp.NewError(twirp.Unauthenticated, "permissions denied")

type grantsKey struct{}

// authenticate puts the grants of the request's token into its context.
func (h *Handler) authenticate(ctx context.Context, r *http.Request) (context.Context, error) {
	raw, err := token.FromRequest(r.Header.Get("Authorization"), r.URL.Query().Get("access_token"))
	if err != nil {
		return ctx, translate(err)
	}
	if raw == "" {
		return ctx, errDenied // in LiveKit's words
	}
	grants, err := h.verifier.Verify(raw)
	if err != nil {
		return ctx, translate(err)
	}
	return context.WithValue(ctx, grantsKey{}, grants), nil
}

// right reports whether a token grants what a method needs.
type grantCheck func(token.VideoGrant, *token.ClaimGrants) bool

// The rights of server APIs (docs/protocol.md, 9.1).
var (
	canCreateRooms   grantCheck = func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomCreate }
	canListRooms     grantCheck = func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomList }
	canRecord        grantCheck = func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomRecord }
	canManageIngress grantCheck = func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.IngressAdmin }
	canManageSIP     grantCheck = func(_ token.VideoGrant, g *token.ClaimGrants) bool { return g.SIP != nil && g.SIP.Admin }
	canCall          grantCheck = func(_ token.VideoGrant, g *token.ClaimGrants) bool { return g.SIP != nil && g.SIP.Call }
	// managesRoom is the right over one room. Which room the request names is checked once it is decoded, by mayAdmin.
	canAdminRoom grantCheck = func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomAdmin }
)

// rights maps each method to the right that it needs. The key "" is the default of a service. A method without a right is
// refused.
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

// authorize returns an error unless the token of the request grants what a method needs. It needs nothing of the body.
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

// permit returns an error unless the bearer's token grants what allowed looks for.
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

// mayAdmin is for what concerns one room.
func authorizeRoom(ctx context.Context, room string) error {
	return checkGrant(ctx, func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomAdmin && v.Room == room })
}

// mayTake is for taking somebody from one room to another.
func authorizeTransfer(ctx context.Context, room, destination string) error {
	return checkGrant(ctx, func(v token.VideoGrant, _ *token.ClaimGrants) bool {
		return v.RoomAdmin && v.Room == room && v.DestinationRoom == destination
	})
}
