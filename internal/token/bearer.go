package token

import (
	"strings"

	"meet/internal/fault"
)

// ErrNotBearer is returned for an Authorization header with a scheme other than Bearer.
var ErrNotBearer = fault.New(fault.Unauthenticated, "invalid authorization header: it must be Bearer followed by a token")

// FromBearer returns the token of an Authorization header (RFC 6750, section 2.1). The scheme is case-insensitive and may be
// followed by more than one space (RFC 9110, sections 11.1 and 11.4).
func FromBearer(header string) (string, error) {
	scheme, raw, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNotBearer
	}
	return strings.TrimLeft(raw, " "), nil
}

// FromRequest returns the token of a request (docs/protocol.md, 1.2). It takes the token from the Authorization header if
// there is one, and otherwise from the query parameter access_token. It returns "" if neither is set. A header with
// another scheme is an error, as in LiveKit.
func FromRequest(header, accessToken string) (string, error) {
	if header == "" {
		return accessToken, nil
	}
	return FromBearer(header)
}
