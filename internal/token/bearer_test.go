package token_test

import (
	"errors"
	"testing"

	"meet/internal/token"
)

func TestFromRequestPrefersBearerHeaderToQueryParameter(t *testing.T) {
	for _, tt := range []struct {
		name, header, parameter, want string
		err                           error
	}{
		{"header", "Bearer a.b.c", "", "a.b.c", nil},
		{"scheme in lower case", "bearer a.b.c", "", "a.b.c", nil},
		{"scheme in upper case", "BEARER a.b.c", "", "a.b.c", nil},
		{"more than one space", "Bearer   a.b.c", "", "a.b.c", nil},
		{"parameter", "", "a.b.c", "a.b.c", nil},
		{"header and parameter", "Bearer a.b.c", "d.e.f", "a.b.c", nil},
		{"neither", "", "", "", nil},
		{"scheme without a token", "Bearer ", "d.e.f", "", nil},
		{"scheme alone", "Bearer", "", "", token.ErrNotBearer},
		{"another scheme", "Basic YTpi", "", "", token.ErrNotBearer},
		{"another scheme, and a parameter", "Basic YTpi", "d.e.f", "", token.ErrNotBearer},
		{"scheme that begins alike", "Bearers a.b.c", "", "", token.ErrNotBearer},
		{"no scheme", "a.b.c", "", "", token.ErrNotBearer},
	} {
		got, err := token.FromRequest(tt.header, tt.parameter)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %q, %v; want %q, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}
