package lobby

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"meet/internal/fault"
	"meet/internal/token"
)

// testTTL is how long the tokens of a connection test are valid. A test that waits for device permission may be slow.
const testTTL = 10 * time.Minute

// ErrRoomReserved is the error for a guest that requests a token for the room of a connection test.
var ErrRoomReserved = fault.New(fault.Invalid, "room names that begin with connection-test- are reserved")

// testRoomConfig configures the room of a connection test: two participants, and an end soon after they have left.
var testRoomConfig = json.RawMessage(`{"maxParticipants":2,"emptyTimeout":30,"departureTimeout":10}`)

// ConnectionTest holds what the connection test page needs for one room: the tokens of a participant that publishes and
// of one that subscribes. ServerURL is "" if the page should connect to this server.
type ConnectionTest struct {
	ServerURL       string `json:"serverUrl"`
	RoomName        string `json:"roomName"`
	PublisherToken  string `json:"publisherToken"`
	SubscriberToken string `json:"subscriberToken"`
}

// NewConnectionTest returns tokens for a new room with a random name, in which a browser tests its connection.
func (l *Lobby) NewConnectionTest() (ConnectionTest, error) {
	test := ConnectionTest{RoomName: token.TestRoomPrefix + strings.ToLower(rand.Text())}
	if l.options.ServerURL != nil {
		test.ServerURL = l.options.ServerURL("")
	}
	var err error
	if test.PublisherToken, err = l.testToken(test.RoomName, "publisher", true); err != nil {
		return ConnectionTest{}, err
	}
	test.SubscriberToken, err = l.testToken(test.RoomName, "subscriber", false)
	return test, err
}

// testToken returns a token for the room of a connection test. It allows either publishing or subscribing, and no data.
func (l *Lobby) testToken(room, identity string, publishes bool) (string, error) {
	raw, err := token.New(l.options.APIKey, l.options.APISecret).SetIdentity(identity).SetName(identity).SetGuest().
		SetVideoGrant(token.VideoGrant{
			RoomJoin: true, Room: room, CanPublish: new(publishes), CanSubscribe: new(!publishes), CanPublishData: new(false),
		}).SetRoomConfig(testRoomConfig).SetTTL(testTTL).ToJWT()
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	return raw, nil
}

// IsTestRoom reports whether a room is for a connection test. Guests get only the tokens of NewConnectionTest for such rooms. They are in no list of the lobby and leave no record.
func IsTestRoom(name string) bool { return strings.HasPrefix(name, token.TestRoomPrefix) }
