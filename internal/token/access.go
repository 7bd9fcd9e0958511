package token

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"meet/internal/fault"
)

// DefaultTTL is how long a token lasts that was not given a lifetime, as in LiveKit's own server SDKs.
const DefaultTTL = 6 * time.Hour

// Mistakes in what a token is asked to say.
var (
	ErrNoIdentity = fault.New(fault.Invalid, "a token that joins a room needs an identity")
	ErrNoRoom     = fault.New(fault.Invalid, "a token that joins a room needs the room's name")
	ErrRoomConfig = fault.New(fault.Invalid, "the room configuration is not JSON")
)

// AccessToken collects the claims of a token to be signed.
type AccessToken struct {
	key, secret string
	grants      ClaimGrants
	ttl         time.Duration
	keepsDates  bool // keeps the dates of the token it was made from, so that revoking that one revokes it too
}

// claims is the JSON form. RegisteredClaims has no field tagged like one of ClaimGrants, so both flatten into one object.
type claims struct {
	jwt.RegisteredClaims
	ClaimGrants
}

// New starts a token that the given API key and its secret will sign.
func New(key, secret string) *AccessToken {
	return &AccessToken{key: key, secret: secret, ttl: DefaultTTL}
}

// Renew starts a token that grants what an earlier one granted. It belongs to the same family and says the same time of
// issue.
func Renew(key, secret string, granted *ClaimGrants) *AccessToken {
	t := New(key, secret)
	t.grants, t.keepsDates = *granted, true
	t.grants.Attributes = maps.Clone(granted.Attributes)
	return t
}

// SetIdentity says who the bearer is; unique in a room.
func (t *AccessToken) SetIdentity(identity string) *AccessToken {
	t.grants.Identity = identity
	return t
}

// SetName sets the name others see.
func (t *AccessToken) SetName(name string) *AccessToken { t.grants.Name = name; return t }

// SetMetadata sets the participant's metadata.
func (t *AccessToken) SetMetadata(metadata string) *AccessToken {
	t.grants.Metadata = metadata
	return t
}

// SetAttributes sets the participant's attributes.
func (t *AccessToken) SetAttributes(attributes map[string]string) *AccessToken {
	t.grants.Attributes = maps.Clone(attributes)
	return t
}

// SetKind sets the participant's kind, such as "agent", and details of it.
func (t *AccessToken) SetKind(kind string, details ...string) *AccessToken {
	t.grants.Kind, t.grants.KindDetails = kind, details
	return t
}

// SetTTL sets how long the token is valid; zero keeps the default.
func (t *AccessToken) SetTTL(ttl time.Duration) *AccessToken {
	if ttl != 0 {
		t.ttl = ttl
	}
	return t
}

// SetVideoGrant sets what the bearer may do with rooms.
func (t *AccessToken) SetVideoGrant(g VideoGrant) *AccessToken { t.grants.Video = &g; return t }

// SetSIPGrant sets what the bearer may do with telephone calls.
func (t *AccessToken) SetSIPGrant(g SIPGrant) *AccessToken { t.grants.SIP = &g; return t }

// SetAgentGrant sets what the bearer may do with agents.
func (t *AccessToken) SetAgentGrant(g AgentGrant) *AccessToken { t.grants.Agent = &g; return t }

// SetInferenceGrant sets what the bearer may do with hosted models.
func (t *AccessToken) SetInferenceGrant(g InferenceGrant) *AccessToken {
	t.grants.Inference = &g
	return t
}

// SetObservabilityGrant sets what the bearer may do with traces and logs.
func (t *AccessToken) SetObservabilityGrant(g ObservabilityGrant) *AccessToken {
	t.grants.Observability = &g
	return t
}

// SetRoomConfig sets the configuration a room is made with when this token's join creates it, as proto JSON.
func (t *AccessToken) SetRoomConfig(config json.RawMessage) *AccessToken {
	t.grants.RoomConfig = config
	return t
}

// SetRoomPreset names a room configuration known to the server.
func (t *AccessToken) SetRoomPreset(preset string) *AccessToken {
	t.grants.RoomPreset = preset
	return t
}

// SetGuest marks the token as one for a requester that this server cannot identify, and makes it the first of a family.
func (t *AccessToken) SetGuest() *AccessToken {
	t.grants.Guest, t.grants.Family = true, rand.Text()
	return t
}

// SetSHA256 sets the base64 sum of a webhook's body.
func (t *AccessToken) SetSHA256(sum string) *AccessToken { t.grants.SHA256 = sum; return t }

// ToJWT signs the token.
func (t *AccessToken) ToJWT() (string, error) {
	if t.key == "" || t.secret == "" {
		return "", errors.New("sign token: no API key or secret")
	}
	if v := t.grants.Video; v != nil && v.RoomJoin {
		if t.grants.Identity == "" {
			return "", ErrNoIdentity
		}
		if v.Room == "" {
			return "", ErrNoRoom
		}
	}
	if c := t.grants.RoomConfig; len(c) > 0 && !json.Valid(c) {
		return "", ErrRoomConfig
	}
	now := time.Now()
	issued, notBefore := now, now
	if t.keepsDates {
		issued, notBefore = t.grants.IssuedAt, t.grants.NotBefore
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    t.key,
			Subject:   t.grants.Identity,
			IssuedAt:  numericDate(issued),
			NotBefore: numericDate(notBefore),
			ExpiresAt: numericDate(now.Add(t.ttl)),
		},
		ClaimGrants: t.grants,
	}).SignedString([]byte(t.secret))
}

// numericDate is nil for the zero time, which is then left out.
func numericDate(t time.Time) *jwt.NumericDate {
	if t.IsZero() {
		return nil
	}
	return jwt.NewNumericDate(t)
}
