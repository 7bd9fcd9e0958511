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

// openAPI returns the server's OpenAPI document and a validator for it.
func (s *server) openAPI() (*v3.Document, validator.Validator) {
	s.T.Helper()
	doc, err := libopenapi.NewDocument(s.request("GET", "/api/openapi.yaml", "").body)
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
			s.T.Errorf("the document is not valid OpenAPI 3.1: %v", p)
		}
	}
	return &model.Model, v
}

// exchange is a request with its response and the response's body.
type exchange struct {
	request  *http.Request
	response *http.Response
	body     []byte
}

// request sends a request and reads the response. It reads an event stream up to the end of the first event.
func (s *server) request(method, path, body string) exchange {
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
			if _, err := lines.ReadString('\n'); err != nil { // the line with the event's name
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

// checkResponse fails the test if a response does not match the OpenAPI document.
func (s *server) checkResponse(v validator.Validator, x exchange) {
	s.T.Helper()
	x.response.Body = io.NopCloser(bytes.NewReader(x.body))
	if ok, problems := v.ValidateHttpResponse(x.request, x.response); !ok {
		for _, p := range problems {
			s.T.Errorf("%s %s: %v\n%s", x.request.Method, x.request.URL.Path, p, x.body)
		}
	}
}

// The document describes all routes for programs, and no others.
func TestOpenAPICoversEveryRoute(t *testing.T) {
	s := start(t, harness.Settings(t))
	var routes, described []string
	for _, route := range s.Routes() {
		ours := strings.HasPrefix(route.Path, "/api/") || slices.Contains([]string{"/token", "/healthz", "/readyz"}, route.Path)
		if ours && (route.Method == http.MethodGet || route.Method == http.MethodPost) {
			routes = append(routes, route.Method+" "+route.Path)
		}
	}
	model, _ := s.openAPI()
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

// Both successful responses and errors must match the document.
func TestResponsesMatchTheOpenAPIDocument(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.joinByPage(ctx, "blue", "Ada", client.Options{})
	s.joinByPage(ctx, "done", "Bo", client.Options{})
	harness.Eventually(ctx, t, "the server sees Bo connected", func() bool { // otherwise no meeting is recorded
		r, err := s.roomService(token.VideoGrant{RoomAdmin: true, Room: "done"}).ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: "done"})
		return err == nil && len(r.Participants) == 1 && r.Participants[0].State == livekit.ParticipantInfo_ACTIVE
	})
	if _, err := s.roomService(token.VideoGrant{RoomCreate: true}).DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: "done"}); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(ctx, t, "one room is open and one meeting has ended", func() bool {
		var rooms []liveRoom
		var meetings []meeting
		s.Get("/api/rooms", &rooms)
		s.Get("/api/meetings", &meetings)
		return len(rooms) == 1 && len(meetings) == 1
	})
	model, v := s.openAPI()
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
		{"POST", "/api/connection-test", "", 200},
		{"POST", "/api/connection-test?host=h", strings.Repeat("x", 1<<20), 413},
		{"POST", "/token", `{"roomName":"blue","participantName":"Ada"}`, 200},
		{"POST", "/token", `{"roomName":"blue"}`, 400},
		{"POST", "/token", "not JSON", 400},
		{"POST", "/token", `{"roomName":"` + strings.Repeat("x", 1<<20) + `"}`, 413},
	} {
		x := s.request(tt.method, tt.path, tt.body)
		if x.response.StatusCode != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, x.response.StatusCode, tt.status)
		}
		s.checkResponse(v, x)
	}

	stream := s.request("GET", "/api/events", "")
	s.checkResponse(v, stream)
	data, ok := bytes.CutPrefix(stream.body, []byte("data: "))
	lobby := model.Components.Schemas.GetOrZero("Lobby").Schema()
	if fits, problems := schema_validation.NewSchemaValidator().ValidateSchemaString(lobby, string(data)); !ok || !fits {
		t.Errorf("the event %s: %v", stream.body, problems)
	}

	for range 2000 { // more than the rate limit allows
		x := s.request("GET", "/api/connection-details?roomName=blue&participantName=Ada", "")
		if x.response.StatusCode == http.StatusTooManyRequests {
			s.checkResponse(v, x)
			return
		}
	}
	t.Error("the rate of token requests is not limited")
}

func TestOpenAPIValidatorRefusesWrongResponses(t *testing.T) {
	s := start(t, harness.Settings(t))
	_, v := s.openAPI()
	for name, change := range map[string]func(*exchange){
		"wrong JSON":         func(x *exchange) { x.body = []byte(`[{"id":7}]`) },
		"wrong content type": func(x *exchange) { x.response.Header.Set("Content-Type", "text/html") },
		"wrong status":       func(x *exchange) { x.response.StatusCode = http.StatusTeapot },
	} {
		x := s.request("GET", "/api/rooms", "")
		change(&x)
		x.response.Body = io.NopCloser(bytes.NewReader(x.body))
		if ok, _ := v.ValidateHttpResponse(x.request, x.response); ok {
			t.Errorf("%s is accepted", name)
		}
	}
}
