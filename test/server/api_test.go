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

// apiResponse is the response to a call, read to its end.
type apiResponse struct {
	status      int
	contentType string
	body        []byte
}

// twirpError reads an error's code and sentence; what is not LiveKit's form of one fails the test.
func (a apiResponse) twirpError(t *testing.T) (code, msg string) {
	t.Helper()
	var e struct{ Code, Msg string }
	if err := json.Unmarshal(a.body, &e); err != nil || a.contentType != "application/json" || e.Code == "" || e.Msg == "" {
		t.Errorf("%d %q %s is no error of LiveKit's form", a.status, a.contentType, a.body)
	}
	return e.Code, e.Msg
}

// send sends a request with a token, unless that is "".
func (s *server) send(method, path, contentType, token string, body []byte) apiResponse {
	s.T.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.URL()+path, bytes.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	return s.do(r, token)
}

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

// wantTwirpError checks that an error has that code of LiveKit's and says so much.
func wantTwirpError(t *testing.T, err error, code twirp.ErrorCode, says string) {
	t.Helper()
	e, ok := err.(twirp.Error)
	if !ok || e.Code() != code || !strings.Contains(e.Msg(), says) {
		t.Errorf("error %v, want %s with %q", err, code, says)
	}
}
