package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
	"meet/internal/token"
	"meet/test/harness"
)

// After a removal, tokens issued before it are refused, and tokens issued since then are accepted. The issue time is
// the claim iat, or nbf if the token has no iat.
func TestTokenIssuedAfterRemovalIsAccepted(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	signed := func(iat, nbf any) string {
		t.Helper()
		raw, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"iss": "devkey", "sub": "ada", "exp": time.Now().Add(time.Hour).Unix(), "iat": iat, "nbf": nbf,
			"video": token.VideoGrant{RoomJoin: true, Room: "room"},
		}).SignedString([]byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	now := time.Now().Unix()
	s.joinWith(ctx, signed(now-100, now-100), client.Options{})
	if _, err := s.rooms.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: "room", Identity: "ada"}); err != nil {
		t.Fatal(err)
	}
	now = time.Now().Unix()
	for _, tt := range []struct {
		name     string
		iat, nbf any
		status   int
	}{
		{"both now", now, now, 200},
		{"nbf is 0", now, 0, 200},
		{"nbf in the past", now, now - 60, 200},
		{"no nbf", now, nil, 200},
		{"no iat", nil, now, 200},
		{"a fast clock", now + 30, now + 30, 200},
		{"fractions", float64(now) + 0.5, float64(now) + 0.5, 200},
		{"the old token", now - 100, now - 100, 403},
		{"issued before, valid from now", now - 50, now, 403},
		{"issued before, no nbf", now - 50, nil, 403},
		{"valid from before, no iat", nil, now - 50, 403},
		{"no times", nil, nil, 403},
	} {
		if a := s.send("GET", "/rtc/validate?access_token="+signed(tt.iat, tt.nbf), "", "", nil); a.status != tt.status {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
	}
}

// A refreshed token has the issue time of the token with which its participant joined. Therefore a revocation time
// between this issue time and the time of the refresh revokes both tokens.
func TestRevocationCoversRefreshedTokens(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	issued := time.Now().Add(-time.Minute)
	old := &token.ClaimGrants{Identity: "ada", IssuedAt: issued, Video: &token.VideoGrant{RoomJoin: true, Room: "room"}}
	presented, err := token.Renew("devkey", "secret", old).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	ada := s.joinWith(ctx, presented, client.Options{})
	refreshed := func() string {
		for _, m := range ada.signalMessages() {
			if r := m.GetRefreshToken(); r != "" {
				return r
			}
		}
		return ""
	}
	harness.Eventually(ctx, t, "a token is refreshed", func() bool { return refreshed() != "" })
	_, err = s.rooms.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: "room", Identity: "ada", RevokeTokenTs: issued.Unix() + 30})
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{"presented": presented, "refreshed": refreshed()} {
		if a := s.send("GET", "/rtc/validate?access_token="+raw, "", "", nil); a.status != 403 {
			t.Errorf("the %s token: %d %s", name, a.status, a.body)
		}
	}
}

// A removal with a revocation time revokes only tokens issued before that time.
func TestRevocationByTimeSparesNewerTokens(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	jwt := s.tokenWith("ada", token.VideoGrant{RoomJoin: true, Room: "room"})
	remove := func(ts int64) {
		t.Helper()
		if _, err := s.rooms.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: "room", Identity: "ada", RevokeTokenTs: ts}); err != nil {
			t.Fatal(err)
		}
	}
	s.joinWith(ctx, jwt, client.Options{})
	remove(1)
	s.joinWith(ctx, jwt, client.Options{}) // the token was issued later
	remove(time.Now().Add(time.Hour).UnixMilli())
	if _, err := client.Join(ctx, s.SocketURL(), s.tokenWith("ada", token.VideoGrant{RoomJoin: true, Room: "room"}), client.Options{}); err == nil {
		t.Error("a token issued before the revocation time was accepted")
	}
}
