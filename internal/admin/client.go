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
	// tokenTTL is how long a call's token lasts, as with LiveKit's own server SDKs.
	tokenTTL = 10 * time.Minute
	// callTimeout is how long a server may take to answer; a working one takes milliseconds.
	callTimeout = 15 * time.Second
)

// ErrAddress is returned for an address that no server can have.
var ErrAddress = errors.New("want the address of a server, such as http://localhost:8080 or wss://live.example.org")

// Client calls one server with one API key.
type Client struct {
	address     string
	key, secret string
	rooms       livekit.RoomService
}

// New makes a client of the server at an address of http, https, ws or wss.
func New(address, key, secret string) (*Client, error) {
	base, err := HTTPAddress(address)
	if err != nil {
		return nil, err
	}
	httpClient := &http.Client{
		Timeout: callTimeout,
		// A POST that follows a redirect becomes a GET; what redirects is no API.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Client{address: base, key: key, secret: secret, rooms: livekit.NewRoomServiceProtobufClient(base, httpClient)}, nil
}

// HTTPAddress spells a server's address as its API is reached: LiveKit's clients and its settings name the WebSocket.
func HTTPAddress(address string) (string, error) { return withScheme(address, "http") }

// SocketAddress spells a server's address as LiveKit's clients take it.
func SocketAddress(address string) (string, error) { return withScheme(address, "ws") }

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

// Address is where the server's API is reached.
func (c *Client) Address() string { return c.address }

// sign puts a token with these rights into what the call sends.
func (c *Client) sign(ctx context.Context, grant token.VideoGrant) (context.Context, error) {
	raw, err := token.New(c.key, c.secret).SetTTL(tokenTTL).SetVideoGrant(grant).ToJWT()
	if err != nil {
		return nil, err
	}
	return twirp.WithHTTPRequestHeaders(ctx, http.Header{"Authorization": {"Bearer " + raw}})
}

// call signs, calls, and translates what came of it.
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

func roomAdmin(room string) token.VideoGrant { return token.VideoGrant{RoomAdmin: true, Room: room} }

// CreateRoom makes a room, or returns the one of that name as it is.
func (c *Client) CreateRoom(ctx context.Context, req *livekit.CreateRoomRequest) (*livekit.Room, error) {
	return call(ctx, c, token.VideoGrant{RoomCreate: true}, c.rooms.CreateRoom, req)
}

// ListRooms lists the live rooms of those names, all without any.
func (c *Client) ListRooms(ctx context.Context, names ...string) (*livekit.ListRoomsResponse, error) {
	return call(ctx, c, token.VideoGrant{RoomList: true}, c.rooms.ListRooms, &livekit.ListRoomsRequest{Names: names})
}

// DeleteRoom ends a room for everybody in it.
func (c *Client) DeleteRoom(ctx context.Context, room string) (*livekit.DeleteRoomResponse, error) {
	return call(ctx, c, token.VideoGrant{RoomCreate: true}, c.rooms.DeleteRoom, &livekit.DeleteRoomRequest{Room: room})
}

// ListParticipants lists who is in a room. The API answers with nobody for a room that does not exist; here that is
// ErrNotFound.
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

// Participant returns one participant.
func (c *Client) Participant(ctx context.Context, room, identity string) (*livekit.ParticipantInfo, error) {
	return call(ctx, c, roomAdmin(room), c.rooms.GetParticipant, &livekit.RoomParticipantIdentity{Room: room, Identity: identity})
}

// RemoveParticipant ends a participant's stay. Tokens issued before revoked no longer let it in; the zero time is now.
func (c *Client) RemoveParticipant(ctx context.Context, room, identity string, revoked time.Time) (*livekit.RemoveParticipantResponse, error) {
	req := &livekit.RoomParticipantIdentity{Room: room, Identity: identity}
	if !revoked.IsZero() {
		req.RevokeTokenTs = revoked.Unix()
	}
	return call(ctx, c, roomAdmin(room), c.rooms.RemoveParticipant, req)
}

// Mute mutes or unmutes a track and returns it as it then is.
func (c *Client) Mute(ctx context.Context, room, identity, track string, muted bool) (*livekit.TrackInfo, error) {
	resp, err := call(ctx, c, roomAdmin(room), c.rooms.MutePublishedTrack, &livekit.MuteRoomTrackRequest{
		Room: room, Identity: identity, TrackSid: track, Muted: muted,
	})
	return resp.GetTrack(), err
}
