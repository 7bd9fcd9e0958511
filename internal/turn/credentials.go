package turn

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // required by draft-uberti-behave-turn-rest-00
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// CredentialTTL is the lifetime of credentials. Expired credentials cannot allocate relays, but existing relays remain
// usable.
const CredentialTTL = 5 * time.Minute

// Credentials let a browser allocate relays until they expire. Both values follow the shared secret scheme of TURN servers
// (draft-uberti-behave-turn-rest-00).
type Credentials struct {
	Username string `json:"username"`   // expiry as Unix time in seconds, a colon, and the user
	Password string `json:"credential"` // HMAC-SHA1 of Username in base64
}

// mint returns credentials for user with the given expiry.
func mint(secret []byte, user string, expiry time.Time) Credentials {
	username := strconv.FormatInt(expiry.Unix(), 10) + ":" + user
	return Credentials{Username: username, Password: password(secret, username)}
}

// password returns the password that belongs to username under secret.
func password(secret []byte, username string) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// authenticate returns a handler that checks the credentials of a request and returns their key. Expired credentials cannot
// allocate a relay. All other requests accept them, because a call may outlast CredentialTTL.
func authenticate(secret []byte, now func() time.Time) turn.AuthHandler {
	return func(r *turn.RequestAttributes) (userID string, key []byte, ok bool) {
		expiry, user, _ := strings.Cut(r.Username, ":")
		seconds, err := strconv.ParseInt(expiry, 10, 64)
		if err != nil || user == "" || r.Method == stun.MethodAllocate && now().Unix() >= seconds {
			return "", nil, false
		}
		return user, turn.GenerateAuthKey(r.Username, r.Realm, password(secret, r.Username)), true
	}
}
