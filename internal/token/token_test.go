package token_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"meet/internal/fault"
	"meet/internal/token"
)

const (
	key    = "APItest"
	secret = "a-secret-that-is-long-enough-for-hs256"
)

// sign returns a token with arbitrary claims.
func sign(t *testing.T, method jwt.SigningMethod, signer any, claims jwt.MapClaims) string {
	t.Helper()
	raw, err := jwt.NewWithClaims(method, claims).SignedString(signer)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestClaimsSurviveSigningAndVerification(t *testing.T) {
	want := token.ClaimGrants{
		Identity: "ada__x1y2", Name: "Ada", Kind: "agent", KindDetails: []string{"cloud_agent"},
		Metadata: `{"a":1}`, Attributes: map[string]string{"role": "host"},
		Video: &token.VideoGrant{
			RoomCreate: true, RoomList: true, RoomRecord: true, IngressAdmin: true, RoomAdmin: true, RoomJoin: true, Room: "r",
			CanPublish: new(true), CanSubscribe: new(false), CanPublishData: new(true), CanPublishSources: []string{"camera"},
			CanUpdateOwnMetadata: true, CanSubscribeMetrics: true, CanManageAgentSession: true,
			Hidden: true, Recorder: true, Agent: true, DestinationRoom: "other",
		},
		SIP:           &token.SIPGrant{Admin: true, Call: true},
		Agent:         &token.AgentGrant{Admin: true, SimulationAdmin: true},
		Inference:     &token.InferenceGrant{Perform: true},
		Observability: &token.ObservabilityGrant{Write: true},
		RoomConfig:    json.RawMessage(`{"maxParticipants":3}`), RoomPreset: "big", SHA256: "c3Vt", Backup: true,
	}
	raw, err := token.New(key, secret).
		SetIdentity(want.Identity).SetName(want.Name).SetKind(want.Kind, want.KindDetails...).
		SetMetadata(want.Metadata).SetAttributes(want.Attributes).SetVideoGrant(*want.Video).SetSIPGrant(*want.SIP).
		SetAgentGrant(*want.Agent).SetInferenceGrant(*want.Inference).SetObservabilityGrant(*want.Observability).
		SetRoomConfig(want.RoomConfig).SetRoomPreset(want.RoomPreset).SetSHA256(want.SHA256).SetBackup().
		SetTTL(5 * time.Minute).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	got, err := token.NewVerifier(token.Keys{"other": "x", key: secret}).Verify(raw)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(got.ExpiresAt); left < 4*time.Minute || left > 5*time.Minute {
		t.Errorf("expires in %v, want just under 5m", left)
	}
	if age := time.Since(got.IssuedAt); age < 0 || age > time.Minute {
		t.Errorf("issued %v ago, want just now", age)
	}
	want.Issuer, want.IssuedAt, want.NotBefore, want.ExpiresAt, want.Family = key, got.IssuedAt, got.NotBefore, got.ExpiresAt, got.Family
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("claims have changed (-want +got):\n%s", diff)
	}
}

// A token that was not renewed from another must have a family ID that no other token has.
func TestRenewedTokenKeepsItsFamilyID(t *testing.T) {
	verifier := token.NewVerifier(token.Keys{key: secret})
	verify := func(tok *token.AccessToken) *token.ClaimGrants {
		t.Helper()
		raw, err := tok.ToJWT()
		if err != nil {
			t.Fatal(err)
		}
		g, err := verifier.Verify(raw)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := verifier.Verify(raw); err != nil || again.Family != g.Family {
			t.Errorf("the family is %q and then %q, %v", g.Family, again.Family, err)
		}
		return g
	}
	families := map[string]string{}
	for name, tok := range map[string]*token.AccessToken{
		"ada's":            token.New(key, secret).SetIdentity("ada"),
		"bo's":             token.New(key, secret).SetIdentity("bo"),
		"a guest's":        token.New(key, secret).SetIdentity("ada").SetGuest(),
		"another guest's ": token.New(key, secret).SetIdentity("ada").SetGuest(),
	} {
		g := verify(tok)
		if other, taken := families[g.Family]; taken || g.Family == "" {
			t.Errorf("%s family is %q, the same as %s", name, g.Family, other)
		}
		families[g.Family] = name
		renewed := verify(token.Renew(key, secret, g).SetName("now").SetTTL(time.Hour))
		if renewed.Family != g.Family || renewed.Guest != g.Guest || renewed.Identity != g.Identity {
			t.Errorf("%s: %+v was renewed as %+v", name, g, renewed)
		}
	}
}

// All client and server SDKs depend on these names.
func TestClaimsUseLiveKitsJSONNames(t *testing.T) {
	raw, err := token.New(key, secret).SetIdentity("i").SetVideoGrant(token.VideoGrant{
		RoomJoin: true, Room: "r", CanPublish: new(false), CanUpdateOwnMetadata: true,
	}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		if _, ok := got[name].(float64); !ok {
			t.Errorf("%s = %v, want a number", name, got[name])
		}
		delete(got, name)
	}
	want := map[string]any{
		"iss": key, "sub": "i", "identity": "i",
		"video": map[string]any{"roomJoin": true, "room": "r", "canPublish": false, "canUpdateOwnMetadata": true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims on the wire (-want +got):\n%s", diff)
	}
}

func TestVerifyRefusesInvalidTokens(t *testing.T) {
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	good := jwt.MapClaims{"iss": key, "sub": "i", "exp": at(time.Hour)}
	with := func(k string, v any) jwt.MapClaims {
		c := jwt.MapClaims{}
		for k, v := range good {
			c[k] = v
		}
		if c[k] = v; v == nil {
			delete(c, k)
		}
		return c
	}
	hs := func(c jwt.MapClaims) string { return sign(t, jwt.SigningMethodHS256, []byte(secret), c) }
	valid := hs(good)
	changed := valid[:len(valid)-10] + map[bool]string{true: "B", false: "A"}[valid[len(valid)-10] == 'A'] + valid[len(valid)-9:]
	for _, tc := range []struct {
		name, raw string
		want      error
	}{
		{"empty", "", token.ErrMissing},
		{"no JWT", "certainly not a token", token.ErrMalformed},
		{"two parts", valid[:strings.LastIndex(valid, ".")], token.ErrMalformed},
		{"alg none", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), token.ErrSignature},
		{"alg HS384", sign(t, jwt.SigningMethodHS384, []byte(secret), good), token.ErrSignature},
		{"alg HS512", sign(t, jwt.SigningMethodHS512, []byte(secret), good), token.ErrSignature},
		{"another secret", sign(t, jwt.SigningMethodHS256, []byte("guess"), good), token.ErrSignature},
		{"foreign key", hs(with("iss", "APIother")), token.ErrUnknownKey},
		{"no issuer", hs(with("iss", nil)), token.ErrUnknownKey},
		{"a key with an empty secret", sign(t, jwt.SigningMethodHS256, []byte{}, with("iss", "empty")), token.ErrUnknownKey},
		{"no expiry", hs(with("exp", nil)), token.ErrMalformed},
		{"expired", hs(with("exp", at(-2*time.Minute))), token.ErrExpired},
		{"not yet valid", hs(with("nbf", at(2*time.Minute))), token.ErrNotYetValid},
		{"grants of the wrong shape", hs(with("video", "everything")), token.ErrMalformed},
		{"changed after signing", changed, token.ErrSignature},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, err := token.NewVerifier(token.Keys{key: secret, "empty": ""}).Verify(tc.raw)
			if !errors.Is(err, tc.want) || g != nil {
				t.Fatalf("Verify = %v, %v; want %v", g, err, tc.want)
			}
			if fault.KindOf(err) != fault.Unauthenticated {
				t.Errorf("kind = %v, want unauthenticated", fault.KindOf(err))
			}
			if tc.raw != "" && strings.Contains(err.Error(), tc.raw) {
				t.Error("the error repeats the token")
			}
		})
	}
}

func TestVerifyToleratesClockSkewOfAMinute(t *testing.T) {
	for name, c := range map[string]jwt.MapClaims{
		"expired 30 s ago": {"iss": key, "exp": time.Now().Add(-30 * time.Second).Unix()},
		"valid in 30 s":    {"iss": key, "exp": time.Now().Add(time.Hour).Unix(), "nbf": time.Now().Add(30 * time.Second).Unix()},
	} {
		if _, err := token.NewVerifier(token.Keys{key: secret}).Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), c)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The issue time is iat, or nbf if the token has no iat, in whole seconds.
func TestRenewedTokenKeepsItsIssueTime(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	verifier := token.NewVerifier(token.Keys{key: secret})
	for _, tt := range []struct {
		name     string
		iat, nbf any
		want     time.Time
	}{
		{"both", at(0), at(0), now},
		{"nbf is 0", at(0), 0, now},
		{"nbf in the past", at(0), at(-time.Minute), now},
		{"nbf in the future, as far as clocks may differ", at(0), at(30 * time.Second), now},
		{"iat in the future", at(30 * time.Second), at(0), now.Add(30 * time.Second)},
		{"iat far in the future", at(30 * time.Minute), at(-time.Minute), now.Add(30 * time.Minute)},
		{"iat alone, in the future", at(90 * time.Second), nil, now.Add(90 * time.Second)},
		{"iat in the past", at(-time.Hour), at(0), now.Add(-time.Hour)},
		{"iat alone", at(0), nil, now},
		{"nbf alone", nil, at(0), now},
		{"iat is 0", 0, at(0), now},
		{"fractions", float64(at(0)) + 0.75, float64(at(0)) - 0.5, now},
		{"neither", nil, nil, time.Time{}},
		{"both 0", 0, 0, time.Time{}},
	} {
		g, err := verifier.Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"iss": key, "exp": at(time.Hour), "iat": tt.iat, "nbf": tt.nbf}))
		if err != nil || !g.IssuedAt.Equal(tt.want) {
			t.Errorf("%s: issued %v, want %v, %v", tt.name, g.IssuedAt, tt.want, err)
			continue
		}
		raw, err := token.Renew(key, secret, g).SetTTL(2 * time.Hour).ToJWT()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := verifier.Verify(raw); err != nil || !again.IssuedAt.Equal(tt.want) || !again.ExpiresAt.After(g.ExpiresAt) {
			t.Errorf("%s: renewed as %+v, %v", tt.name, again, err)
		}
	}
}

func TestVerifyAcceptsTokensOfOtherLibraries(t *testing.T) {
	exp := time.Now().Add(time.Hour).Unix()
	read := func(c jwt.MapClaims) *token.ClaimGrants {
		t.Helper()
		c["iss"], c["exp"] = key, exp
		g, err := token.NewVerifier(token.Keys{key: secret}).Verify(sign(t, jwt.SigningMethodHS256, []byte(secret), c))
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	if g := read(jwt.MapClaims{"jti": "old"}); g.Identity != "old" {
		t.Errorf("identity from jti = %q", g.Identity)
	}
	if g := read(jwt.MapClaims{"sub": "s", "jti": "j", "identity": "i"}); g.Identity != "s" {
		t.Errorf("identity = %q, want the subject", g.Identity)
	}
	if g := read(jwt.MapClaims{"video": map[string]any{"canUpdateMetadata": true, "canPublish": nil}}); !g.Video.CanUpdateOwnMetadata || !g.Video.MayPublish() {
		t.Errorf("Elixir's spelling: %+v", g.Video)
	}
}

func TestToJWTRefusesIncompleteTokens(t *testing.T) {
	for _, tc := range []struct {
		name string
		tok  *token.AccessToken
		want string
	}{
		{"no key", token.New("", secret), "no API key"},
		{"no secret", token.New(key, ""), "no API key or secret"},
		{"no identity", token.New(key, secret).SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: "r"}), "identity"},
		{"no room", token.New(key, secret).SetIdentity("i").SetVideoGrant(token.VideoGrant{RoomJoin: true}), "room's name"},
		{"broken room configuration", token.New(key, secret).SetRoomConfig(json.RawMessage(`{`)), "not JSON"},
	} {
		if _, err := tc.tok.ToJWT(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one that says %q", tc.name, err, tc.want)
		}
	}
}

func TestPublishSubscribeAndDataRightsDefaultToGranted(t *testing.T) {
	for _, tc := range []struct {
		name                     string
		g                        token.VideoGrant
		publish, subscribe, data bool
		camera, microphone       bool
	}{
		{"no optional rights", token.VideoGrant{}, true, true, true, true, true},
		{"no publishing", token.VideoGrant{CanPublish: new(false)}, false, true, false, false, false},
		{"data only", token.VideoGrant{CanPublish: new(false), CanPublishData: new(true)}, false, true, true, false, false},
		{"no data", token.VideoGrant{CanPublishData: new(false)}, true, true, false, true, true},
		{"no subscribing", token.VideoGrant{CanSubscribe: new(false)}, true, false, true, true, true},
		{"camera only", token.VideoGrant{CanPublishSources: []string{"camera"}}, true, true, true, true, false},
		{"sources without publishing", token.VideoGrant{CanPublish: new(false), CanPublishSources: []string{"camera"}}, false, true, false, false, false},
	} {
		got := []bool{tc.g.MayPublish(), tc.g.MaySubscribe(), tc.g.MayPublishData(), tc.g.MayPublishSource("camera"), tc.g.MayPublishSource("microphone")}
		want := []bool{tc.publish, tc.subscribe, tc.data, tc.camera, tc.microphone}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (publish, subscribe, data, camera, microphone):\n%s", tc.name, diff)
		}
	}
}

func TestParseTTLAcceptsSecondsAndUnits(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"300": 5 * time.Minute, "2d": 48 * time.Hour, "5h": 5 * time.Hour, "90m": 90 * time.Minute, "45s": 45 * time.Second,
		"1d12h": 36 * time.Hour, " 1h30m ": 90 * time.Minute,
	} {
		if got, err := token.ParseTTL(in); err != nil || got != want {
			t.Errorf("ParseTTL(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "-5", "d", "2x", "-2d", "2d-1h", "0d", "2d0h", "five", "9223372036854775807", "99999999999d", "106751d23h48m"} {
		if got, err := token.ParseTTL(in); err == nil {
			t.Errorf("ParseTTL(%q) = %v, want an error", in, got)
		}
	}
}

func TestReadReturnsClaimsOfTokensThatVerifyRefuses(t *testing.T) {
	expired := jwt.MapClaims{"iss": key, "sub": "ada", "exp": 1000, "nbf": 900, "video": map[string]any{"roomJoin": true, "room": "r"}, "odd": 1}
	g, claims, err := token.Read(sign(t, jwt.SigningMethodHS256, []byte("guess"), expired))
	if err != nil {
		t.Fatal(err)
	}
	want := &token.ClaimGrants{
		Identity: "ada", Issuer: key, IssuedAt: time.Unix(900, 0), NotBefore: time.Unix(900, 0), ExpiresAt: time.Unix(1000, 0),
		Video: &token.VideoGrant{RoomJoin: true, Room: "r"}, Family: g.Family,
	}
	if diff := cmp.Diff(want, g); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var all map[string]any
	if err := json.Unmarshal(claims, &all); err != nil || all["odd"] != 1.0 {
		t.Errorf("claims = %s (%v), want all of them", claims, err)
	}
	g, _, err = token.Read(sign(t, jwt.SigningMethodHS256, []byte("guess"), jwt.MapClaims{"iss": key}))
	if err != nil || !g.ExpiresAt.IsZero() || !g.IssuedAt.IsZero() {
		t.Errorf("without times: %+v, %v", g, err)
	}
	if _, _, err := token.Read("certainly not a token"); !errors.Is(err, token.ErrMalformed) {
		t.Errorf("no token: %v, want ErrMalformed", err)
	}
}

// FuzzVerify requires that Verify returns grants or an Unauthenticated fault, and that Read returns the same grants as
// Verify if Verify accepts the token.
func FuzzVerify(f *testing.F) {
	raw, err := token.New(key, secret).SetIdentity("i").ToJWT()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	v := token.NewVerifier(token.Keys{key: secret})
	f.Fuzz(func(t *testing.T, in string) {
		g, err := v.Verify(in)
		if (g == nil) == (err == nil) {
			t.Fatalf("Verify(%q) = %v, %v", in, g, err)
		}
		if err != nil && fault.KindOf(err) != fault.Unauthenticated {
			t.Fatalf("Verify(%q): %v is not Unauthenticated", in, err)
		}
		read, claims, readErr := token.Read(in)
		if (read == nil) != (readErr != nil) || (readErr == nil && !json.Valid(claims)) {
			t.Fatalf("Read(%q) = %v, %q, %v", in, read, claims, readErr)
		}
		if err == nil && !cmp.Equal(read, g) {
			t.Fatalf("Read(%q) = %v, want what Verify says: %v", in, read, g)
		}
	})
}

// FuzzParseTTL requires that every lifetime that ParseTTL returns is positive.
func FuzzParseTTL(f *testing.F) {
	f.Add("1d12h")
	f.Add("300")
	f.Fuzz(func(t *testing.T, in string) {
		if d, err := token.ParseTTL(in); err == nil && d <= 0 {
			t.Fatalf("ParseTTL(%q) = %v", in, d)
		}
	})
}
