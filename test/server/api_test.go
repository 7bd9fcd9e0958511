package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/twitchtv/twirp"
)

const (
	inJSON     = "application/json"
	inProtobuf = "application/protobuf"
)

// apiResponse is an HTTP response with its whole body.
type apiResponse struct {
	status      int
	contentType string
	body        []byte
}

// twirpError returns the code and message of an error response. It fails the test if the response does not have
// LiveKit's format.
func (a apiResponse) twirpError(t *testing.T) (code, msg string) {
	t.Helper()
	var e struct{ Code, Msg string }
	if err := json.Unmarshal(a.body, &e); err != nil || a.contentType != "application/json" || e.Code == "" || e.Msg == "" {
		t.Errorf("%d %q %s is not an error in LiveKit's format", a.status, a.contentType, a.body)
	}
	return e.Code, e.Msg
}

// send sends a request with a bearer token. An empty token means none.
func (s *server) send(method, path, contentType, token string, body []byte) apiResponse {
	s.T.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.URL()+path, bytes.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	return s.do(r, token)
}

// do sends a prepared request with a bearer token. An empty token means none.
func (s *server) do(r *http.Request, token string) apiResponse {
	s.T.Helper()
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.HTTP.Do(r)
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return apiResponse{resp.StatusCode, resp.Header.Get("Content-Type"), text}
}

// wantTwirpError checks the code of an error and that its message contains a text.
func wantTwirpError(t *testing.T, err error, code twirp.ErrorCode, says string) {
	t.Helper()
	e, ok := err.(twirp.Error)
	if !ok || e.Code() != code || !strings.Contains(e.Msg(), says) {
		t.Errorf("error %v, want %s with %q", err, code, says)
	}
}
