package app_test

import (
	"net/http"

	"github.com/livekit/protocol/livekit"

	"meet/internal/config"
	"meet/internal/token"
)

// api is RoomService as a back end with that grant uses it, on a server that knows the development key.
func (s *server) api(g token.VideoGrant) livekit.RoomService {
	s.t.Helper()
	raw, err := token.New(config.DevKey.Name, config.DevKey.Secret).SetVideoGrant(g).ToJWT()
	if err != nil {
		s.t.Fatal(err)
	}
	return livekit.NewRoomServiceProtobufClient("http://"+s.address, authorized{s.http, raw})
}

// authorized is an HTTP client whose requests carry a token.
type authorized struct {
	*http.Client
	token string
}

func (a authorized) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+a.token)
	return a.Client.Do(r)
}
