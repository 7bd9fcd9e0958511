package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/twitchtv/twirp"

	"meet/internal/fault"
	"meet/internal/token"
)

// errDenied is what LiveKit answers to whoever lacks a grant: unauthenticated, never permission_denied, and no word on
// which grant it was (livekit-protocol.md, 9.1).
var errDenied = twirp.NewError(twirp.Unauthenticated, "permissions denied")

var errBearer = fault.New(fault.Unauthenticated, "invalid authorization header: it must be Bearer and a token")

type grantsKey struct{}

// authenticate puts the grants of the request's token into its context. Without a token there are none, and the service
// refuses; a token that is not valid is refused here.
func (h *Handler) authenticate(ctx context.Context, r *http.Request) (context.Context, error) {
	raw := r.URL.Query().Get("access_token")
	if header := r.Header.Get("Authorization"); header != "" {
		bearer, ok := strings.CutPrefix(header, "Bearer ")
		if !ok {
			return ctx, translate(errBearer)
		}
		raw = bearer
	}
	if raw == "" {
		return ctx, nil
	}
	grants, err := h.verifier.Verify(raw)
	if err != nil {
		return ctx, translate(err)
	}
	return context.WithValue(ctx, grantsKey{}, grants), nil
}

// permit returns nil if the bearer's token grants what allowed looks for.
func permit(ctx context.Context, allowed func(token.VideoGrant, *token.ClaimGrants) bool) error {
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

func mayCreate(ctx context.Context) error {
	return permit(ctx, func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomCreate })
}

func mayList(ctx context.Context) error {
	return permit(ctx, func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomList })
}

// mayAdmin is for what concerns one room.
func mayAdmin(ctx context.Context, room string) error {
	return permit(ctx, func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomAdmin && v.Room == room })
}

// mayTake is for taking somebody from one room to another.
func mayTake(ctx context.Context, room, destination string) error {
	return permit(ctx, func(v token.VideoGrant, _ *token.ClaimGrants) bool {
		return v.RoomAdmin && v.Room == room && v.DestinationRoom == destination
	})
}

func mayRecord(ctx context.Context) error {
	return permit(ctx, func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.RoomRecord })
}

func mayIngress(ctx context.Context) error {
	return permit(ctx, func(v token.VideoGrant, _ *token.ClaimGrants) bool { return v.IngressAdmin })
}

func mayAdminSIP(ctx context.Context) error {
	return permit(ctx, func(_ token.VideoGrant, g *token.ClaimGrants) bool { return g.SIP != nil && g.SIP.Admin })
}

func mayCall(ctx context.Context) error {
	return permit(ctx, func(_ token.VideoGrant, g *token.ClaimGrants) bool { return g.SIP != nil && g.SIP.Call })
}
