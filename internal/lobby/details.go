package lobby

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"meet/internal/name"
	"meet/internal/token"
)

// detailsTTL is how long the token of connection details is valid. The client needs it only to connect.
const detailsTTL = 5 * time.Minute

// Request is a client's request to enter a room. Metadata becomes the participant's metadata, and Region selects the
// signalling server.
type Request struct {
	Room, Name, Metadata, Region string
	Address                      string // network address of the client
}

// ConnectionDetails holds the values that a LiveKit client needs to join a room. ServerURL is "" if the client should
// connect to this server.
type ConnectionDetails struct {
	ServerURL        string `json:"serverUrl"`
	RoomName         string `json:"roomName"`
	ParticipantToken string `json:"participantToken"`
	ParticipantName  string `json:"participantName"`
}

// ConnectionDetails returns what a client needs to enter a room. The participant's identity is the name with a random
// suffix, so that two people with one name do not replace each other.
func (l *Lobby) ConnectionDetails(r Request) (ConnectionDetails, error) {
	room, person, err := cleanNames(r.Room, r.Name)
	if err == nil {
		err = checkMetadata(r.Metadata)
	}
	if err != nil {
		return ConnectionDetails{}, err
	}
	identity := l.reserveSuffixed(room, person, r.Address, detailsTTL)
	raw, err := l.newToken(room, identity, person).SetMetadata(r.Metadata).SetTTL(detailsTTL).ToJWT()
	if err != nil {
		return ConnectionDetails{}, fmt.Errorf("mint token: %w", err)
	}
	url := ""
	if l.options.ServerURL != nil {
		url = l.options.ServerURL(r.Region)
	}
	return ConnectionDetails{url, room, raw, person}, nil
}

// Token returns an access token for a client. The participant's identity is the given name if that identity is free,
// otherwise the name with a random suffix. An identity is free unless a participant in the room has it or a valid token
// for it was issued to another network address.
func (l *Lobby) Token(room, person, address string) (string, error) {
	room, person, err := cleanNames(room, person)
	if err != nil {
		return "", err
	}
	identity, now := person, time.Now()
	if l.present(room, identity) || !l.reservations.reserve(room, identity, requesterAt(address), now.Add(token.DefaultTTL), now) {
		identity = l.reserveSuffixed(room, person, address, token.DefaultTTL)
	}
	raw, err := l.newToken(room, identity, person).ToJWT()
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	return raw, nil
}

// TokenRefreshed reserves an identity until the given time, when the participant's refreshed token expires. Until then
// no other client gets a token for this identity.
func (l *Lobby) TokenRefreshed(room, identity string, until time.Time) {
	l.reservations.extend(room, identity, until, time.Now())
}

// reserveSuffixed returns an identity that is free, and reserves it for ttl. The identity is the name, shortened if it
// is long, with a random suffix. If no identity can be reserved, it returns an unreserved one: rooms refuse a guest
// whose identity is taken.
func (l *Lobby) reserveSuffixed(room, person, address string, ttl time.Duration) string {
	const tries = 3 // a second try is needed about once in a million
	person = strings.ToValidUTF8(person[:min(len(person), name.MaxBytes-len("__2345"))], "")
	by, now := requesterAt(address), time.Now()
	for try := 1; ; try++ {
		// rand.Text consists of letters and the digits 2 to 7, so four characters are 20 random bits.
		identity := person + "__" + strings.ToLower(rand.Text()[:4])
		free := !l.present(room, identity) && l.reservations.reserve(room, identity, by, now.Add(ttl), now)
		if free || try == tries { // after the last try the identity is unreserved
			return identity
		}
	}
}

// present reports whether a participant with this identity is in the room.
func (l *Lobby) present(room, identity string) bool {
	return l.options.Present != nil && l.options.Present(room, identity)
}

// newToken returns an unsigned guest token that allows joining the room, publishing and subscribing.
func (l *Lobby) newToken(room, identity, person string) *token.AccessToken {
	return token.New(l.options.APIKey, l.options.APISecret).SetIdentity(identity).SetName(person).SetGuest().SetVideoGrant(token.VideoGrant{
		RoomJoin: true, Room: room, CanPublish: new(true), CanPublishData: new(true), CanSubscribe: new(true),
	})
}
