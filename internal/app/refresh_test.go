package app_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

// fillClaims sets every field that is part of a token, including fields that are added to the structure later. If the
// refreshed token lacks one of them, the test fails.
func fillClaims(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("text")
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(`{"metadata":"m"}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillClaims(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), reflect.ValueOf("value"))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillClaims(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				fillClaims(v.Field(i))
			}
		}
	default:
		panic("a claim of type " + v.Type().String())
	}
}

// A refreshed token has all claims of the presented one. A token for the room to which the participant was moved has all
// claims except the rights over the old room.
func TestRefreshedTokenKeepsEveryClaim(t *testing.T) {
	cfg := harness.Settings(t)
	cfg.Keys = []config.Key{config.DevKey}
	s := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var claims token.ClaimGrants
	fillClaims(reflect.ValueOf(&claims).Elem())
	claims.Video.Room, claims.Video.DestinationRoom = "here", "there"
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed := jwt.MapClaims{}
	if err := json.Unmarshal(text, &signed); err != nil {
		t.Fatal(err)
	}
	signed["iss"], signed["sub"], signed["exp"] = config.DevKey.Name, claims.Identity, time.Now().Add(time.Hour).Unix()
	signed["iat"], signed["nbf"] = time.Now().Unix()-100, time.Now().Unix()-100
	raw, err := jwt.NewWithClaims(jwt.SigningMethodHS256, signed).SignedString([]byte(config.DevKey.Secret))
	if err != nil {
		t.Fatal(err)
	}
	verify := func(raw string) *token.ClaimGrants {
		t.Helper()
		g, err := token.NewVerifier(token.Keys{config.DevKey.Name: config.DevKey.Secret}).Verify(raw)
		if err != nil {
			t.Fatal(err)
		}
		g.ExpiresAt = time.Time{}
		return g
	}
	want := verify(raw)
	var refreshed refreshTokens
	moved := make(chan string, 1)
	c, err := client.Join(ctx, s.SocketURL(), raw, client.Options{HostOnly: true, OnSignal: func(m *livekit.SignalResponse) {
		refreshed.record(m)
		if m := m.GetRoomMoved(); m != nil {
			moved <- m.Token
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	harness.Eventually(ctx, t, "a token to return with", func() bool { return refreshed.latest() != "" })
	if d := cmp.Diff(want, verify(refreshed.latest())); d != "" {
		t.Errorf("-presented +refreshed:\n%s", d)
	}

	admin := s.roomService(token.VideoGrant{RoomAdmin: true, Room: "here", DestinationRoom: "there"})
	if _, err := admin.MoveParticipant(ctx, &livekit.MoveParticipantRequest{Room: "here", Identity: claims.Identity, DestinationRoom: "there"}); err != nil {
		t.Fatal(err)
	}
	want.Video.Room, want.Video.RoomAdmin, want.Video.DestinationRoom = "there", false, ""
	select {
	case raw := <-moved:
		if d := cmp.Diff(want, verify(raw)); d != "" {
			t.Errorf("-presented +for the new room:\n%s", d)
		}
	case <-ctx.Done():
		t.Fatal("the participant was not moved")
	}
}
