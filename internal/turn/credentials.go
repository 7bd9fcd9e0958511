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

// CredentialTTL is the lifetime of the credentials for a direct call. Expired credentials cannot allocate relays, but
// existing relays remain usable.
const CredentialTTL = 5 * time.Minute

// maxCall is the maximum time that relays of a direct call remain usable after their credentials have expired. Its purpose
// is to end relays that a client refreshes for ever.
const maxCall = 24 * time.Hour

// participantPrefix precedes the user in the username of a participant, instead of an expiry. It also distinguishes the
// TURN users of participants from those of direct calls.
const participantPrefix = "participant:"

// Credentials let a client allocate relays. The password follows the shared secret scheme of TURN servers
// (draft-uberti-behave-turn-rest-00).
type Credentials struct {
	Username string `json:"username"`   // for a direct call: expiry as Unix time in seconds, a colon, and the user
	Password string `json:"credential"` // HMAC-SHA1 of Username in base64
}

// mint returns the credentials with the given username.
func mint(secret []byte, username string) Credentials {
	return Credentials{Username: username, Password: password(secret, username)}
}

// directUsername returns the username of a direct call's user.
func directUsername(user string, expiry time.Time) string {
	return strconv.FormatInt(expiry.Unix(), 10) + ":" + user
}

// password returns the password that belongs to username under secret.
func password(secret []byte, username string) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// authenticate checks the credentials of a request and returns their TURN user and key. The credentials of a participant are
// valid as long as the participant is present. Those of a direct call can allocate no relay after they have expired. Other
// requests accept them for another maxCall, because a call may outlast CredentialTTL.
func (s *Server) authenticate(r *turn.RequestAttributes) (userID string, key []byte, ok bool) {
	key = turn.GenerateAuthKey(r.Username, r.Realm, password(s.secret, r.Username))
	if user, ok := strings.CutPrefix(r.Username, participantPrefix); ok {
		return r.Username, key, s.relays.isPresent(user)
	}
	expiry, user, _ := strings.Cut(r.Username, ":")
	seconds, err := strconv.ParseInt(expiry, 10, 64)
	if r.Method != stun.MethodAllocate {
		seconds += int64(maxCall.Seconds())
	}
	if err != nil || user == "" || s.now().Unix() >= seconds {
		return "", nil, false
	}
	return "direct:" + user, key, true
}
