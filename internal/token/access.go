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

// DefaultTTL is the lifetime of a token without SetTTL, as in LiveKit's own server SDKs.
const DefaultTTL = 6 * time.Hour

// Errors of ToJWT for incomplete tokens.
var (
	ErrNoIdentity = fault.New(fault.Invalid, "a token that joins a room needs an identity")
	ErrNoRoom     = fault.New(fault.Invalid, "a token that joins a room needs the room's name")
	ErrRoomConfig = fault.New(fault.Invalid, "the room configuration is not JSON")
)

// AccessToken builds a token: its setters collect claims, and ToJWT signs them.
type AccessToken struct {
	key, secret string
	grants      ClaimGrants
	ttl         time.Duration
	renewed     bool // made by Renew: iat and nbf are those of the earlier token, so that revoking the earlier one by date revokes this one too
}

// claims is the JSON object in a token. No field of RegisteredClaims has the same JSON name as one of ClaimGrants, so
// both are flattened into one object.
type claims struct {
	jwt.RegisteredClaims
	ClaimGrants
}

// New returns a token that has no grants yet. ToJWT will sign it with the given API key and secret.
func New(key, secret string) *AccessToken {
	return &AccessToken{key: key, secret: secret, ttl: DefaultTTL}
}

// Renew returns a token with the grants and the issue time of an earlier token. It also has the earlier token's family ID,
// which a token and all tokens renewed from it share.
func Renew(key, secret string, granted *ClaimGrants) *AccessToken {
	t := New(key, secret)
	t.grants, t.renewed = *granted, true
	t.grants.Attributes = maps.Clone(granted.Attributes)
	return t
}

// SetIdentity sets the participant's identity, which is unique in a room.
func (t *AccessToken) SetIdentity(identity string) *AccessToken {
	t.grants.Identity = identity
	return t
}

// SetName sets the participant's display name.
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

// SetKind sets the participant's kind, such as "agent", and its details.
func (t *AccessToken) SetKind(kind string, details ...string) *AccessToken {
	t.grants.Kind, t.grants.KindDetails = kind, details
	return t
}

// SetTTL sets how long the token is valid. Zero does not change this time, which is DefaultTTL at first.
func (t *AccessToken) SetTTL(ttl time.Duration) *AccessToken {
	if ttl != 0 {
		t.ttl = ttl
	}
	return t
}

// SetVideoGrant sets the rights in rooms.
func (t *AccessToken) SetVideoGrant(g VideoGrant) *AccessToken { t.grants.Video = &g; return t }

// SetSIPGrant sets the rights for telephony.
func (t *AccessToken) SetSIPGrant(g SIPGrant) *AccessToken { t.grants.SIP = &g; return t }

// SetAgentGrant sets the rights for agents.
func (t *AccessToken) SetAgentGrant(g AgentGrant) *AccessToken { t.grants.Agent = &g; return t }

// SetInferenceGrant sets the rights for hosted models.
func (t *AccessToken) SetInferenceGrant(g InferenceGrant) *AccessToken {
	t.grants.Inference = &g
	return t
}

// SetObservabilityGrant sets the rights for traces and logs.
func (t *AccessToken) SetObservabilityGrant(g ObservabilityGrant) *AccessToken {
	t.grants.Observability = &g
	return t
}

// SetRoomConfig sets the configuration, as protobuf JSON, that the room gets if the bearer's join creates it.
func (t *AccessToken) SetRoomConfig(config json.RawMessage) *AccessToken {
	t.grants.RoomConfig = config
	return t
}

// SetRoomPreset names a room configuration that the server has stored.
func (t *AccessToken) SetRoomPreset(preset string) *AccessToken {
	t.grants.RoomPreset = preset
	return t
}

// SetGuest marks the token as issued to a requester that this server could not identify. It also sets a random family ID,
// which the token shares only with tokens renewed from it.
func (t *AccessToken) SetGuest() *AccessToken {
	t.grants.Guest, t.grants.Family = true, rand.Text()
	return t
}

// SetBackup makes the token one for backups of the server.
func (t *AccessToken) SetBackup() *AccessToken { t.grants.Backup = true; return t }

// SetSHA256 sets the base64 SHA-256 sum of a webhook's body.
func (t *AccessToken) SetSHA256(sum string) *AccessToken { t.grants.SHA256 = sum; return t }

// ToJWT returns the signed token. It returns an error if the API key, its secret, or a required claim is missing.
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
	if t.renewed {
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

// numericDate converts a time. The zero time becomes nil, which is omitted in JSON.
func numericDate(t time.Time) *jwt.NumericDate {
	if t.IsZero() {
		return nil
	}
	return jwt.NewNumericDate(t)
}
