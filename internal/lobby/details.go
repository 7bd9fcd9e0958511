package lobby

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"meet/internal/name"
	"meet/internal/token"
)

// detailsTTL is how long a browser has from asking to connecting; once connected it needs the token no more.
const detailsTTL = 5 * time.Minute

// Request is what somebody asks who wants to enter a room.
type Request struct {
	Room, Name, Metadata, Region string
	Address                      string // network address of the one who asks
}

// ConnectionDetails is what a LiveKit client needs to enter a room. ServerURL is "" for this server, whose address the one
// who asks knows.
type ConnectionDetails struct {
	ServerURL        string `json:"serverUrl"`
	RoomName         string `json:"roomName"`
	ParticipantToken string `json:"participantToken"`
	ParticipantName  string `json:"participantName"`
}

// ConnectionDetails lets somebody into a room under a name. The identity is the name and a random suffix, so two
// people of the same name do not push each other out.
func (l *Lobby) ConnectionDetails(r Request) (ConnectionDetails, error) {
	room, person, err := names(r.Room, r.Name)
	if err == nil {
		err = checkMetadata(r.Metadata)
	}
	if err != nil {
		return ConnectionDetails{}, err
	}
	identity := l.suffixed(room, person, r.Address, detailsTTL)
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

// Token returns a token for a client that names itself: its identity is the name, while that is free. It is not while a
// participant in the room has it, or while a token for it is valid that was issued to another network address.
func (l *Lobby) Token(room, person, address string) (string, error) {
	room, person, err := names(room, person)
	if err != nil {
		return "", err
	}
	identity, now := person, time.Now()
	if l.present(room, identity) || !l.reserved.reserve(room, identity, requesterAt(address), now.Add(token.DefaultTTL), now) {
		identity = l.suffixed(room, person, address, token.DefaultTTL)
	}
	raw, err := l.newToken(room, identity, person).ToJWT()
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	return raw, nil
}

// TokenRefreshed keeps an identity for its bearer, who has been given a token that is valid until then.
func (l *Lobby) TokenRefreshed(room, identity string, until time.Time) {
	l.reserved.extend(room, identity, until, time.Now())
}

// suffixed makes an identity that nobody else has: the name, or its beginning if it is long, and a random suffix.
func (l *Lobby) suffixed(room, person, address string, ttl time.Duration) string {
	const tries = 3 // the second is needed once in a million
	person = strings.ToValidUTF8(person[:min(len(person), name.MaxBytes-len("__2345"))], "")
	by, now := requesterAt(address), time.Now()
	for try := 1; ; try++ {
		// Text gives letters and the digits 2 to 7: 20 random bits in four characters.
		identity := person + "__" + strings.ToLower(rand.Text()[:4])
		free := !l.present(room, identity) && l.reserved.reserve(room, identity, by, now.Add(ttl), now)
		if free || try == tries { // nothing more can be reserved: rooms refuse whoever comes second
			return identity
		}
	}
}

func (l *Lobby) present(room, identity string) bool {
	return l.options.Present != nil && l.options.Present(room, identity)
}

func (l *Lobby) newToken(room, identity, person string) *token.AccessToken {
	return token.New(l.options.APIKey, l.options.APISecret).SetIdentity(identity).SetName(person).SetGuest().SetVideoGrant(token.VideoGrant{
		RoomJoin: true, Room: room, CanPublish: new(true), CanPublishData: new(true), CanSubscribe: new(true),
	})
}
