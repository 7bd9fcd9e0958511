package app_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

// description reads what the server says of itself.
func (s *server) description() (*v3.Document, validator.Validator) {
	s.T.Helper()
	doc, err := libopenapi.NewDocument(s.ask("GET", "/api/openapi.yaml", "").body)
	if err != nil {
		s.T.Fatal(err)
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		s.T.Fatal(err)
	}
	v, errs := validator.NewValidator(doc)
	if len(errs) > 0 {
		s.T.Fatal(errs)
	}
	s.T.Cleanup(v.Release)
	if ok, problems := v.ValidateDocument(); !ok {
		for _, p := range problems {
			s.T.Errorf("the description is no OpenAPI 3.1: %v", p)
		}
	}
	return &model.Model, v
}

type exchange struct {
	request  *http.Request
	response *http.Response
	body     []byte
}

// ask makes a request and reads the answer, that of a stream as far as the first event.
func (s *server) ask(method, path, body string) exchange {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(s.T.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.HTTP.Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	read := io.ReadAll
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		read = func(r io.Reader) ([]byte, error) {
			lines := bufio.NewReader(r)
			if _, err := lines.ReadString('\n'); err != nil { // its name
				return nil, err
			}
			return lines.ReadBytes('\n')
		}
	}
	text, err := read(resp.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return exchange{req, resp, text}
}

// complain reports where an answer is not as described.
func (s *server) complain(v validator.Validator, x exchange) {
	s.T.Helper()
	x.response.Body = io.NopCloser(bytes.NewReader(x.body))
	if ok, problems := v.ValidateHttpResponse(x.request, x.response); !ok {
		for _, p := range problems {
			s.T.Errorf("%s %s: %v\n%s", x.request.Method, x.request.URL.Path, p, x.body)
		}
	}
}

// TestOpenAPICoversEveryRoute: every route that programs use is described, and nothing else.
func TestOpenAPICoversEveryRoute(t *testing.T) {
	s := start(t, harness.Settings(t))
	var routes, described []string
	for _, route := range s.Routes() {
		ours := strings.HasPrefix(route.Path, "/api/") || slices.Contains([]string{"/token", "/healthz", "/readyz"}, route.Path)
		if ours && (route.Method == http.MethodGet || route.Method == http.MethodPost) {
			routes = append(routes, route.Method+" "+route.Path)
		}
	}
	model, _ := s.description()
	for path, item := range model.Paths.PathItems.FromOldest() {
		for method := range item.GetOperations().KeysFromOldest() {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(routes)
	slices.Sort(described)
	if len(routes) < 8 || !slices.Equal(routes, described) {
		t.Errorf("routes %v, described %v", routes, described)
	}
}

// TestOpenAPIMatchesAnswers: what the server answers, well or ill, is what it says of itself.
func TestOpenAPIMatchesAnswers(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.join(ctx, "blue", "Ada", client.Options{})
	s.join(ctx, "done", "Bo", client.Options{})
	harness.Eventually(ctx, t, "the server sees Bo connected", func() bool { // else nobody has met in the room
		r, err := s.api(token.VideoGrant{RoomAdmin: true, Room: "done"}).ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: "done"})
		return err == nil && len(r.Participants) == 1 && r.Participants[0].State == livekit.ParticipantInfo_ACTIVE
	})
	if _, err := s.api(token.VideoGrant{RoomCreate: true}).DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: "done"}); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(ctx, t, "a room is open and a meeting over", func() bool {
		var rooms []liveRoom
		var meetings []meeting
		s.Get("/api/rooms", &rooms)
		s.Get("/api/meetings", &meetings)
		return len(rooms) == 1 && len(meetings) == 1
	})
	model, v := s.description()
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/healthz", "", 200},
		{"GET", "/readyz", "", 200},
		{"GET", "/api/rooms", "", 200},
		{"GET", "/api/meetings", "", 200},
		{"GET", "/api/openapi.yaml", "", 200},
		{"GET", "/api/connection-details?roomName=blue&participantName=Ada&metadata=m&region=eu", "", 200},
		{"GET", "/api/connection-details?roomName=blue", "", 400},
		{"POST", "/token", `{"roomName":"blue","participantName":"Ada"}`, 200},
		{"POST", "/token", `{"roomName":"blue"}`, 400},
		{"POST", "/token", "not JSON", 400},
		{"POST", "/token", `{"roomName":"` + strings.Repeat("x", 1<<20) + `"}`, 413},
	} {
		x := s.ask(tt.method, tt.path, tt.body)
		if x.response.StatusCode != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, x.response.StatusCode, tt.status)
		}
		s.complain(v, x)
	}

	stream := s.ask("GET", "/api/events", "")
	s.complain(v, stream)
	data, ok := bytes.CutPrefix(stream.body, []byte("data: "))
	lobby := model.Components.Schemas.GetOrZero("Lobby").Schema()
	if fits, problems := schema_validation.NewSchemaValidator().ValidateSchemaString(lobby, string(data)); !ok || !fits {
		t.Errorf("the event %s: %v", stream.body, problems)
	}

	for range 2000 { // more than anybody may ask at once
		x := s.ask("GET", "/api/connection-details?roomName=blue&participantName=Ada", "")
		if x.response.StatusCode == http.StatusTooManyRequests {
			s.complain(v, x)
			return
		}
	}
	t.Error("tokens without end")
}

// The check itself must be able to say no.
func TestOpenAPICheckRefusesWrongAnswers(t *testing.T) {
	s := start(t, harness.Settings(t))
	_, v := s.description()
	for name, change := range map[string]func(*exchange){
		"another shape":  func(x *exchange) { x.body = []byte(`[{"id":7}]`) },
		"another form":   func(x *exchange) { x.response.Header.Set("Content-Type", "text/html") },
		"another status": func(x *exchange) { x.response.StatusCode = http.StatusTeapot },
	} {
		x := s.ask("GET", "/api/rooms", "")
		change(&x)
		x.response.Body = io.NopCloser(bytes.NewReader(x.body))
		if ok, _ := v.ValidateHttpResponse(x.request, x.response); ok {
			t.Errorf("%s is taken for right", name)
		}
	}
}
