package assets_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"meet/internal/assets"
	"meet/internal/fault"
)

func TestGitHubErrorsAreExplained(t *testing.T) {
	reset := time.Now().Add(30 * time.Minute)
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"rate limit", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-RateLimit-Limit", "60")
			w.Header().Set("X-RateLimit-Remaining", "0")
			w.Header().Set("X-RateLimit-Reset", fmt.Sprint(reset.Unix()))
			http.Error(w, `{"message":"API rate limit exceeded"}`, http.StatusForbidden)
		}, "is used up until " + reset.Format("15:04 MST") + " (30 minutes from now); wait until then, or pass a token with --frontend-token"},
		{"secondary rate limit", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "120")
			http.Error(w, `{"message":"slow down","documentation_url":"https://docs.github.com/x#abuse-rate-limits"}`, http.StatusForbidden)
		}, "(2 minutes from now)"},
		{"bad token", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"message":"Bad credentials"}`, http.StatusUnauthorized)
		}, "refuses the token; create a new one"},
		{"no repository", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, "check --frontend-repository and --frontend-branch"},
		{"server error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) }, `answers "503 Service Unavailable"; try again later`},
		{"answer that is not GitHub's", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "does not answer as GitHub does"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, b := newFakeGitHub(t), newFixture(t)
			s.apiFault = tc.answer
			_, err := b.update(s.source(t, assets.GitHubOptions{Token: "hunter2"})).Run(t.Context())
			wantError(t, err, fault.Unavailable, tc.want)
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the message shows the token: %v", err)
			}
		})
	}
	t.Run("branch without a build", func(t *testing.T) {
		s, b := newFakeGitHub(t), newFixture(t)
		s.publish(map[string][]byte{"index.html": nil}, true)
		_, err := b.update(s.source(t, assets.GitHubOptions{})).Run(t.Context())
		wantError(t, err, fault.Unavailable, "its branch gh-pages holds no build")
	})
}

func TestUpdateExplainsUnreachableSource(t *testing.T) {
	s, b := newFakeGitHub(t), newFixture(t)
	source := s.source(t, assets.GitHubOptions{})
	s.Close()
	_, err := b.update(source).Run(t.Context())
	wantError(t, err, fault.Unavailable, "cannot be reached")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.update(source).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
