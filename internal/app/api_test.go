package app_test

import (
	"github.com/livekit/protocol/livekit"

	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

// roomService returns a RoomService client with this grant. The server must have the development key.
func (s *server) roomService(g token.VideoGrant) livekit.RoomService {
	s.T.Helper()
	raw, err := token.New(config.DevKey.Name, config.DevKey.Secret).SetVideoGrant(g).ToJWT()
	if err != nil {
		s.T.Fatal(err)
	}
	return livekit.NewRoomServiceProtobufClient(s.URL(), harness.Bearer{Client: s.HTTP, Token: raw})
}
