package site_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"meet/internal/site"
)

// description reads what the server says of itself.
func (r *rig) description(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(r.do("GET", "/api/openapi.yaml", "").Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestDescriptionIsWhole: every route of the API is described, and nothing else.
func TestDescriptionIsWhole(t *testing.T) {
	r := newRig(t, site.Options{})
	var routes, described []string
	for _, route := range r.echo.Routes() {
		api := strings.HasPrefix(route.Path, "/api/") || route.Path == "/token"
		if api && (route.Method == http.MethodGet || route.Method == http.MethodPost) {
			routes = append(routes, route.Method+" "+route.Path)
		}
	}
	for path, item := range r.description(t).Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(routes)
	slices.Sort(described)
	if !slices.Equal(routes, described) {
		t.Errorf("routes %v, described %v", routes, described)
	}
}

// TestDescriptionIsTrue: what the server answers, well or ill, is what it says of itself.
func TestDescriptionIsTrue(t *testing.T) {
	r := newRig(t, site.Options{})
	r.meet("RM_1", "blue", false)
	r.meet("RM_2", "done", true)
	doc := r.description(t)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
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
		w := r.do(tt.method, tt.path, tt.body, "Content-Type: application/json")
		if w.Code != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, w.Code, tt.status)
		}
		req := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
		route, params, err := router.FindRoute(req)
		if err != nil {
			t.Fatalf("%s %s: %v", tt.method, tt.path, err)
		}
		input := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
			Status:                 w.Code, Header: w.Header(), Options: &openapi3filter.Options{IncludeResponseStatus: true},
		}
		if err := openapi3filter.ValidateResponse(t.Context(), input.SetBodyBytes(w.Body.Bytes())); err != nil {
			t.Errorf("%s %s: %v", tt.method, tt.path, err)
		}
	}
}
