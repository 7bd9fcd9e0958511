package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"meet/internal/token"
)

const (
	// tokenTTL is the lifetime of a call's token. LiveKit's own server SDKs use the same.
	tokenTTL = 10 * time.Minute
	// callTimeout limits one call. A working server answers within milliseconds.
	callTimeout = 15 * time.Second
)

// ErrAddress is returned for a string that is not a server's address.
var ErrAddress = errors.New("want the address of a server, such as http://localhost:8080 or wss://live.example.org")

// Client calls one server with one API key.
type Client struct {
	address     string
	key, secret string
	rooms       livekit.RoomService
}

// New returns a client for the server at an http, https, ws or wss URL.
func New(address, key, secret string) (*Client, error) {
	base, err := HTTPAddress(address)
	if err != nil {
		return nil, err
	}
	httpClient := &http.Client{
		Timeout: callTimeout,
		// A redirected POST would become a GET. An API does not redirect.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Client{address: base, key: key, secret: secret, rooms: livekit.NewRoomServiceProtobufClient(base, httpClient)}, nil
}

// HTTPAddress converts a server's address to an http or https URL, which the API requires. LiveKit's clients and their
// settings use ws or wss URLs.
func HTTPAddress(address string) (string, error) { return withScheme(address, "http") }

// SocketAddress converts a server's address to a ws or wss URL, which LiveKit's clients require.
func SocketAddress(address string) (string, error) { return withScheme(address, "ws") }

// withScheme replaces the scheme of an address by the given one. It appends an "s" if the address is for encrypted
// connections.
func withScheme(address, scheme string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", ErrAddress
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = scheme
	case "https", "wss":
		u.Scheme = scheme + "s"
	default:
		return "", ErrAddress
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// Address returns the URL of the server's API.
func (c *Client) Address() string { return c.address }

// sign returns a context that makes Twirp's client send a token with the grant.
func (c *Client) sign(ctx context.Context, grant token.VideoGrant) (context.Context, error) {
	raw, err := token.New(c.key, c.secret).SetTTL(tokenTTL).SetVideoGrant(grant).ToJWT()
	if err != nil {
		return nil, err
	}
	return twirp.WithHTTPRequestHeaders(ctx, http.Header{"Authorization": {"Bearer " + raw}})
}

// call calls one method with a token for the grant, and translates its error.
func call[Request, Response any](
	ctx context.Context, c *Client, grant token.VideoGrant,
	method func(context.Context, Request) (Response, error), req Request,
) (Response, error) {
	var none Response
	ctx, err := c.sign(ctx, grant)
	if err != nil {
		return none, fmt.Errorf("sign the call: %w", err)
	}
	resp, err := method(ctx, req)
	if err != nil {
		return none, c.translate(err)
	}
	return resp, nil
}

// roomAdmin returns the grant to administer one room.
func roomAdmin(room string) token.VideoGrant { return token.VideoGrant{RoomAdmin: true, Room: room} }

// CreateRoom creates a room, or returns the open room with this name unchanged.
func (c *Client) CreateRoom(ctx context.Context, req *livekit.CreateRoomRequest) (*livekit.Room, error) {
	return call(ctx, c, token.VideoGrant{RoomCreate: true}, c.rooms.CreateRoom, req)
}

// ListRooms returns the open rooms with these names, or all open rooms if there are no names.
func (c *Client) ListRooms(ctx context.Context, names ...string) (*livekit.ListRoomsResponse, error) {
	return call(ctx, c, token.VideoGrant{RoomList: true}, c.rooms.ListRooms, &livekit.ListRoomsRequest{Names: names})
}

// DeleteRoom ends a room and disconnects its participants.
func (c *Client) DeleteRoom(ctx context.Context, room string) (*livekit.DeleteRoomResponse, error) {
	return call(ctx, c, token.VideoGrant{RoomCreate: true}, c.rooms.DeleteRoom, &livekit.DeleteRoomRequest{Room: room})
}

// ListParticipants returns the participants of a room. If the room does not exist, it returns ErrNotFound, although the API
// returns an empty list.
func (c *Client) ListParticipants(ctx context.Context, room string) (*livekit.ListParticipantsResponse, error) {
	list, err := call(ctx, c, roomAdmin(room), c.rooms.ListParticipants, &livekit.ListParticipantsRequest{Room: room})
	if err != nil || len(list.Participants) > 0 {
		return list, err
	}
	found, err := c.ListRooms(ctx, room)
	if err != nil {
		return nil, err
	}
	if len(found.Rooms) == 0 {
		return nil, &callError{ErrNotFound, "there is no such room"}
	}
	return list, nil
}

// Participant returns the participant with the given identity.
func (c *Client) Participant(ctx context.Context, room, identity string) (*livekit.ParticipantInfo, error) {
	return call(ctx, c, roomAdmin(room), c.rooms.GetParticipant, &livekit.RoomParticipantIdentity{Room: room, Identity: identity})
}

// RemoveParticipant disconnects a participant, and revokes the participant's tokens for the room that were issued before
// the time issuedBefore. The zero time means now.
func (c *Client) RemoveParticipant(ctx context.Context, room, identity string, issuedBefore time.Time) (*livekit.RemoveParticipantResponse, error) {
	req := &livekit.RoomParticipantIdentity{Room: room, Identity: identity}
	if !issuedBefore.IsZero() {
		req.RevokeTokenTs = issuedBefore.Unix()
	}
	return call(ctx, c, roomAdmin(room), c.rooms.RemoveParticipant, req)
}

// Mute mutes or unmutes a track and returns its new state.
func (c *Client) Mute(ctx context.Context, room, identity, track string, muted bool) (*livekit.TrackInfo, error) {
	resp, err := call(ctx, c, roomAdmin(room), c.rooms.MutePublishedTrack, &livekit.MuteRoomTrackRequest{
		Room: room, Identity: identity, TrackSid: track, Muted: muted,
	})
	return resp.GetTrack(), err
}
