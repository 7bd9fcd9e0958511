package api_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"meet/internal/api"
	"meet/internal/token"
)

// FuzzRequest sends arbitrary requests. Every response must be a message or an error in LiveKit's format.
func FuzzRequest(f *testing.F) {
	handler := newHandler(f)
	jwt := bearer(f, token.VideoGrant{RoomList: true})
	f.Add("livekit.RoomService/ListRooms", "application/json", "", []byte(`{"names":["a"]}`))
	f.Add("livekit.RoomService/CreateRoom", "application/protobuf", "5", []byte("\x0a\x01a"))
	f.Add("livekit.SIP/CreateSIPParticipant", "application/json; charset=utf-8", "-1", []byte("[]"))
	f.Fuzz(func(t *testing.T, path, contentType, timeout string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.URL.Path = api.Prefix + path
		r.Header = http.Header{"Content-Type": {contentType}, "X-Twirp-Timeout-Ms": {timeout}, "Authorization": {"Bearer " + jwt}}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			return
		}
		decodeError(t, w)
		if w.Code == http.StatusInternalServerError {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
