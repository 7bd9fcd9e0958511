package lobby_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"meet/internal/lobby"
	"meet/internal/name"
	"meet/internal/token"
)

// identityOf verifies a guest token and returns its identity.
func identityOf(t *testing.T, raw string, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	g, err := token.NewVerifier(token.Keys{key: secret}).Verify(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !g.Guest || g.Family == "" {
		t.Errorf("the token is not marked as a guest's: %+v", g)
	}
	return g.Identity
}

// The longest allowed name, with its suffix, still fits the limit on identities.
func TestIdentityMadeFromTheLongestNameIsValid(t *testing.T) {
	l, _ := open(t, t.TempDir(), lobby.Options{})
	long := "a" + strings.Repeat("\u00e9", 127)
	d, err := l.ConnectionDetails(lobby.Request{Room: "blue", Name: long})
	identity := identityOf(t, d.ParticipantToken, err)
	if len(identity) > name.MaxBytes || !utf8.ValidString(identity) || !strings.HasPrefix(identity, long[:249]) || d.ParticipantName != long {
		t.Errorf("identity %q of %d bytes, called %q", identity, len(identity), d.ParticipantName)
	}
}

// An identity without a suffix is issued only to the first address that asks, and to no address while a participant has
// it.
func TestTakenIdentityGetsASuffix(t *testing.T) {
	present := map[string]bool{"blue/Grace": true}
	l, _ := open(t, t.TempDir(), lobby.Options{Present: func(room, identity string) bool { return present[room+"/"+identity] }})
	ask := func(room, name, address string) string {
		t.Helper()
		raw, err := l.Token(room, name, address)
		return identityOf(t, raw, err)
	}
	for _, step := range []struct {
		what, room, name, address string
		plain                     bool
	}{
		{"first to ask", "blue", "Ada", "192.0.2.1", true},
		{"another address", "blue", "Ada", "192.0.2.2", false},
		{"the same address again", "blue", "Ada", "192.0.2.1", true},
		{"another room", "green", "Ada", "192.0.2.2", true},
		{"IPv6", "blue", "Bo", "2001:db8::1", true},
		{"the same /56", "blue", "Bo", "2001:db8:0:2::1", true},
		{"another /56", "blue", "Bo", "2001:db8:0:100::1", false},
		{"a participant in the room", "blue", "Grace", "192.0.2.1", false},
		{"the same identity elsewhere", "green", "Grace", "192.0.2.1", true},
	} {
		identity := ask(step.room, step.name, step.address)
		if plain := identity == step.name; plain != step.plain || !plain && !strings.HasPrefix(identity, step.name+"__") {
			t.Errorf("%s: identity %q, plain want %v", step.what, identity, step.plain)
		}
	}
	l.TokenRefreshed("blue", "Worker", time.Now().Add(time.Minute))
	if identity := ask("blue", "Worker", "192.0.2.1"); identity == "Worker" {
		t.Error("the identity of a refreshed token was issued to another client")
	}
	l.TokenRefreshed("blue", "Past", time.Now().Add(-time.Second))
	if identity := ask("blue", "Past", "192.0.2.1"); identity != "Past" {
		t.Errorf("an identity whose token has expired: %q", identity)
	}
	details, err := l.ConnectionDetails(lobby.Request{Room: "blue", Name: "Ada", Address: "192.0.2.1"})
	given := identityOf(t, details.ParticipantToken, err)
	if identity := ask("blue", given, "192.0.2.9"); identity == given {
		t.Error("the identity in connection details was issued to another client")
	}
}

// One address cannot use up all reservations. Beyond its bound it gets identities with a suffix.
func TestOneAddressCanReserveOnlyABoundedNumberOfIdentities(t *testing.T) {
	l, _ := open(t, t.TempDir(), lobby.Options{})
	plain := 0
	for i := range 3000 {
		name := fmt.Sprintf("guest %d", i)
		raw, err := l.Token("blue", name, "192.0.2.1")
		if identityOf(t, raw, err) == name {
			plain++
		}
	}
	if plain != 2048 {
		t.Errorf("%d plain identities for one address", plain)
	}
	raw, err := l.Token("blue", "Ada", "192.0.2.2")
	if identity := identityOf(t, raw, err); identity != "Ada" {
		t.Errorf("another address got %q", identity)
	}
}
