package token

import (
	"cmp"
	"errors"
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"meet/internal/fault"
)

// leeway is how far the clocks of the one who signed and the one who verifies may differ, as LiveKit allows.
const leeway = time.Minute

// Reasons a token is refused.
var (
	ErrMissing     = fault.New(fault.Unauthenticated, "no access token was given")
	ErrUnknownKey  = fault.New(fault.Unauthenticated, "the access token is signed with an API key this server does not know")
	ErrExpired     = fault.New(fault.Unauthenticated, "the access token has expired")
	ErrNotYetValid = fault.New(fault.Unauthenticated, "the access token is not valid yet")
	ErrMalformed   = fault.New(fault.Unauthenticated, "the access token is not valid")
)

// Verifier checks tokens against a fixed set of API keys.
type Verifier struct {
	keys   Keys
	parser *jwt.Parser
}

// NewVerifier returns a verifier that accepts tokens signed by any of the keys.
func NewVerifier(keys Keys) *Verifier {
	return &Verifier{
		keys: maps.Clone(keys),
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithExpirationRequired(),
			jwt.WithLeeway(leeway),
		),
	}
}

// Verify returns what a signed and valid token says. Its errors are faults of kind Unauthenticated; the library's
// own texts are dropped, because they may quote the token.
func (v *Verifier) Verify(raw string) (*ClaimGrants, error) {
	if raw == "" {
		return nil, ErrMissing
	}
	var c claims
	_, err := v.parser.ParseWithClaims(raw, &c, func(*jwt.Token) (any, error) {
		secret := v.keys[c.RegisteredClaims.Issuer]
		if secret == "" {
			return nil, ErrUnknownKey
		}
		return []byte(secret), nil
	})
	switch {
	case errors.Is(err, ErrUnknownKey):
		return nil, ErrUnknownKey
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, ErrExpired
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return nil, ErrNotYetValid
	case err != nil:
		return nil, ErrMalformed
	}
	g := c.ClaimGrants
	g.Identity = cmp.Or(c.Subject, c.ID, g.Identity) // old tokens carry the identity as jti
	g.Issuer = c.RegisteredClaims.Issuer
	g.ExpiresAt = c.RegisteredClaims.ExpiresAt.Time
	if t := cmp.Or(c.NotBefore, c.RegisteredClaims.IssuedAt); t != nil {
		g.IssuedAt = t.Time
	}
	return &g, nil
}
