package lobby

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"meet/internal/token"
)

// detailsTTL is how long a browser has from asking to connecting; once connected it needs the token no more.
const detailsTTL = 5 * time.Minute

// Request is what somebody asks who wants to enter a room.
type Request struct {
	Room, Name, Metadata, Region string
	ServerURL                    string // this server, as the one who asks knows it
}

// ConnectionDetails is what a LiveKit client needs to enter a room.
type ConnectionDetails struct {
	ServerURL        string `json:"serverUrl"`
	RoomName         string `json:"roomName"`
	ParticipantToken string `json:"participantToken"`
	ParticipantName  string `json:"participantName"`
}

// ConnectionDetails lets somebody into a room under a name. The identity is the name and a random suffix, so two
// people of the same name do not push each other out.
func (l *Lobby) ConnectionDetails(r Request) (ConnectionDetails, error) {
	room, name, err := names(r.Room, r.Name)
	if err == nil {
		err = checkMetadata(r.Metadata)
	}
	if err != nil {
		return ConnectionDetails{}, err
	}
	// Text gives letters and the digits 2 to 7: 20 random bits in four characters.
	identity := name + "__" + strings.ToLower(rand.Text()[:4])
	raw, err := l.pass(room, identity, name).SetMetadata(r.Metadata).SetTTL(detailsTTL).ToJWT()
	if err != nil {
		return ConnectionDetails{}, fmt.Errorf("mint token: %w", err)
	}
	url := r.ServerURL
	if l.options.ServerURL != nil {
		url = cmp.Or(l.options.ServerURL(r.Region), url)
	}
	return ConnectionDetails{url, room, raw, name}, nil
}

// Token returns a token for a client that names itself: its identity is the name.
func (l *Lobby) Token(room, name string) (string, error) {
	room, name, err := names(room, name)
	if err != nil {
		return "", err
	}
	raw, err := l.pass(room, name, name).ToJWT()
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	return raw, nil
}

func (l *Lobby) pass(room, identity, name string) *token.AccessToken {
	return token.New(l.options.APIKey, l.options.APISecret).SetIdentity(identity).SetName(name).SetVideoGrant(token.VideoGrant{
		RoomJoin: true, Room: room, CanPublish: new(true), CanPublishData: new(true), CanSubscribe: new(true),
	})
}

func names(room, name string) (string, string, error) {
	room, err := RoomName(room)
	if err != nil {
		return "", "", err
	}
	name, err = displayName(name)
	return room, name, err
}
