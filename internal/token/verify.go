package token

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"meet/internal/fault"
	"meet/internal/name"
)

// leeway is the allowed difference between the clocks of the signer and this server, as in LiveKit.
const leeway = time.Minute

// Errors of Verify and Read.
var (
	ErrMissing     = fault.New(fault.Unauthenticated, "no access token was given")
	ErrUnknownKey  = fault.New(fault.Unauthenticated, "the access token is signed with an API key this server does not know")
	ErrExpired     = fault.New(fault.Unauthenticated, "the access token has expired")
	ErrNotYetValid = fault.New(fault.Unauthenticated, "the access token is not valid yet")
	ErrSignature   = fault.New(fault.Unauthenticated, "the access token is not valid: its signature was not made with the secret of its API key")
	ErrMalformed   = fault.New(fault.Unauthenticated, "the access token is not valid")
)

// familyBytes is the number of bytes of a token's SHA-256 sum that form its family ID, if the token has no family claim.
const familyBytes = 16

// Verifier verifies tokens with a fixed set of API keys.
type Verifier struct {
	keys   Keys
	parser *jwt.Parser
}

// NewVerifier returns a Verifier that accepts tokens signed with any of the keys.
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

// Verify returns the claims of a token if its signature and dates are valid. Room names are in the normal form of
// package name. Errors are faults of kind Unauthenticated. They omit the JWT library's text, which may quote the
// token.
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
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return nil, ErrSignature
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, ErrExpired
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return nil, ErrNotYetValid
	case err != nil:
		return nil, ErrMalformed
	}
	g := c.toGrants(raw)
	if g.Video != nil {
		g.Video.Room, g.Video.DestinationRoom = name.Lookup(g.Video.Room), name.Lookup(g.Video.DestinationRoom)
	}
	return g, nil
}

// Read returns the claims of a token, parsed and as raw JSON, without verifying its signature or dates. Anybody could
// have written such a token: use Read to show a token to a person, never to grant access.
func Read(raw string) (*ClaimGrants, json.RawMessage, error) {
	var c claims
	parser := jwt.NewParser()
	_, parts, err := parser.ParseUnverified(raw, &c)
	if err != nil {
		return nil, nil, ErrMalformed // the library's text may quote the token
	}
	payload, err := parser.DecodeSegment(parts[1])
	if err != nil {
		return nil, nil, ErrMalformed
	}
	return c.toGrants(raw), payload, nil
}

// toGrants returns the grants of the token whose text is raw. It derives some fields from the registered claims, and
// derives Family from raw if the token has no family claim (see ClaimGrants.Family).
func (c *claims) toGrants(raw string) *ClaimGrants {
	g := c.ClaimGrants
	if g.Family == "" {
		sum := sha256.Sum256([]byte(raw))
		g.Family = base64.RawURLEncoding.EncodeToString(sum[:familyBytes])
	}
	g.Identity = cmp.Or(c.Subject, c.ID, g.Identity) // old tokens carry the identity as jti
	g.Issuer = c.RegisteredClaims.Issuer
	g.ExpiresAt = timeOf(c.RegisteredClaims.ExpiresAt)
	g.NotBefore = timeOf(c.RegisteredClaims.NotBefore)
	g.IssuedAt = cmp.Or(timeOf(c.RegisteredClaims.IssuedAt), g.NotBefore)
	return &g
}

// timeOf converts a date. Nil and 0, which some libraries write for an unset date, become the zero time.
func timeOf(d *jwt.NumericDate) time.Time {
	if d == nil || d.Unix() == 0 {
		return time.Time{}
	}
	return d.Time
}
