package main

import (
	"strings"
	"testing"

	"meet/internal/config"
	"meet/internal/token"
)

// Otherwise a check by doctor would send webhooks and dispatch agents.
func TestDoctorCallsInTheRoomOfAConnectionTest(t *testing.T) {
	raw, err := doctorToken(config.Config{Keys: []config.Key{config.DevKey}})("ada")
	if err != nil {
		t.Fatal(err)
	}
	grants, err := token.NewVerifier(token.Keys{config.DevKey.Name: config.DevKey.Secret}).Verify(raw)
	if err != nil {
		t.Fatal(err)
	}
	if room := grants.Video.Room; !strings.HasPrefix(room, token.TestRoomPrefix) {
		t.Errorf("room %s", room)
	}
}
