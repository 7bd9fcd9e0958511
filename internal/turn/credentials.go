package turn

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what the scheme asks for
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// CredentialTTL is how long somebody has to ask for a relay. Who has one by then keeps it.
const CredentialTTL = 5 * time.Minute

// Credentials let one browser ask for relays until they run out, as every TURN server's shared secret does
// (draft-uberti-behave-turn-rest-00).
type Credentials struct {
	Username string `json:"username"`   // when they run out in Unix seconds, a colon, and who it is
	Password string `json:"credential"` // base64
}

// mint makes credentials for somebody, good until then.
func mint(secret []byte, who string, until time.Time) Credentials {
	username := strconv.FormatInt(until.Unix(), 10) + ":" + who
	return Credentials{Username: username, Password: password(secret, username)}
}

func password(secret []byte, username string) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// authenticate finds the key of a request. Credentials that have run out still keep what was got by them: a call may
// last longer than anybody has to begin one.
func authenticate(secret []byte, now func() time.Time) turn.AuthHandler {
	return func(r *turn.RequestAttributes) (user string, key []byte, ok bool) {
		until, who, _ := strings.Cut(r.Username, ":")
		seconds, err := strconv.ParseInt(until, 10, 64)
		if err != nil || who == "" || r.Method == stun.MethodAllocate && now().Unix() >= seconds {
			return "", nil, false
		}
		return who, turn.GenerateAuthKey(r.Username, r.Realm, password(secret, r.Username)), true
	}
}
