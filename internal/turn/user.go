package turn

import (
	"strings"

	"golang.org/x/time/rate"
)

const (
	// maxUserRelays bounds the relays of one user. Both browsers of a direct call are one user. A client allocates a relay for
	// each pair of its own network interfaces and the server's URLs, and a participant does so for each of its two peer
	// connections. It allocates further relays when it changes networks.
	maxUserRelays = 32
	// bandwidth (bytes per second) and bandwidthBurst (bytes) are the parameters of the token buckets of one user, one for
	// each direction: 50 Mbit/s, which is several times the bitrate of a full page of videos. The burst holds the key frames
	// that a participant receives when it joins.
	bandwidth, bandwidthBurst = 50_000_000 / 8, 4 << 20
)

// user is a TURN user that has relays: a participant of a room, or the two browsers of a direct call.
type user struct {
	id          string
	participant string        // the user in Server.ParticipantCredentials; "" for a direct call
	relays      int           // guarded by relays.mu
	sent        *rate.Limiter // bytes that the user sends through relays
	received    *rate.Limiter // bytes that a participant receives through relays
}

// newUser returns a user without relays. id is the user ID that authenticate has returned.
func newUser(id string) *user {
	participant, ok := strings.CutPrefix(id, participantPrefix)
	if !ok {
		participant = ""
	}
	return &user{
		id: id, participant: participant,
		sent: rate.NewLimiter(bandwidth, bandwidthBurst), received: rate.NewLimiter(bandwidth, bandwidthBurst),
	}
}
