package turn

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"meet/internal/netaddr"
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
	// bucketsRefill is the time in which empty token buckets become full.
	bucketsRefill = bandwidthBurst * time.Second / bandwidth
)

// user is a TURN user that has relays: a participant of a room, or the two browsers of a direct call.
type user struct {
	id          string
	participant string        // the user in Server.ParticipantCredentials; "" for a direct call
	v4, v6      netip.Addr    // addresses of its relays by IP version; the two browsers of a direct call get the same ones
	relays      int           // guarded by relays.mu
	unused      time.Time     // when the last relay was removed; guarded by relays.mu
	sent        *rate.Limiter // bytes that the user sends through relays
	received    *rate.Limiter // bytes that a participant receives through relays
}

// newUser returns a user without relays. id is the user ID that authenticate has returned. If direct is valid, it is the
// address of the relays of a direct call for its IP version.
func newUser(id string, direct netip.Addr) *user {
	u := &user{
		id: id, v4: ParticipantV4, v6: ParticipantV6,
		sent: rate.NewLimiter(bandwidth, bandwidthBurst), received: rate.NewLimiter(bandwidth, bandwidthBurst),
	}
	participant, ok := strings.CutPrefix(id, participantPrefix)
	if ok {
		u.participant = participant
		return u
	}
	own, _ := netaddr.Usable() // on an error only the loopback addresses remain
	own = append(own, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
	if direct.IsValid() {
		own = append([]netip.Addr{direct}, own...)
	}
	u.v4 = own[slices.IndexFunc(own, netip.Addr.Is4)]
	u.v6 = own[slices.IndexFunc(own, netip.Addr.Is6)]
	return u
}
